// The files of fairseq-preprocess: NAME.idx and NAME.bin with sentences as ids, and dict.txt.
// Source: the files that fairseq 1.0 writes (0.10 differs above 65499 entries only: there its ids
// are i32).
//
// NAME.idx, little-endian, packed:
//   0   9  "MMIDIDX\0\0"
//   9   8  version (1)
//  17   1  type of an id: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 8 u16, 9 u32, 10 u64
//  18   8  N, sentences
//  26  4N  ids of each sentence, </s> included
//      8N  where each begins in NAME.bin, in bytes
// NAME.bin: the ids of all sentences one after the other.
//
// An older form begins with "TNTIDX\0\0", counts from 1 and is read as well.
//
// dict.txt: a line `SYMBOL COUNT` for every id from 4 on; 0 to 3 are <s>, <pad>, </s>, <unk>.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Sentences of NAME.idx and NAME.bin, mapped. Immutable; may be used by several threads.
class FairseqFile {
 public:
  /// `stem` is NAME with its folder. Raises kUser naming the file if one of both is missing,
  /// damaged, or does not fit the other.
  explicit FairseqFile(const fs::path& stem);

  int64_t size() const { return num_sentences_; }

  /// The ids of sentence `i`, without the </s> at its end. Raises kUser if they lie outside of
  /// the .bin.
  std::vector<int64_t> sentence(int64_t i) const;

 private:
  void open_mapped();
  void open_legacy();
  uint64_t word(uint64_t at) const;
  [[noreturn]] void damaged(const fs::path& file, const std::string& what) const;

  fs::path idx_path_, bin_path_;
  MappedFile idx_, bin_;
  int64_t num_sentences_ = 0;
  int type_ = 0;
  size_t id_bytes_ = 0;
  bool is_legacy_ = false;
  uint64_t sizes_at_ = 0, begins_at_ = 0;
};

/// Writes NAME.idx and NAME.bin as fairseq does for a dictionary of this size. Whole only after
/// `finish`.
class FairseqWriter {
 public:
  FairseqWriter(const fs::path& stem, int64_t vocabulary_size);
  /// Adds a sentence; </s> is added after it.
  void add(std::span<const int32_t> ids);
  /// Raises kMachine if anything could not be written.
  void finish();

 private:
  fs::path stem_;
  std::ofstream bin_;
  bool is_narrow_;
  std::vector<int32_t> sizes_;
  std::vector<uint16_t> narrow_ids_;
};

/// dict.txt
class FairseqDictionary {
 public:
  /// Raises kUser with file and line if a line is not `SYMBOL COUNT` or repeats a symbol (unless
  /// it ends in #fairseq:overwrite).
  static FairseqDictionary load(const fs::path& path);

  /// The dictionary of counted symbols as fairseq makes it: by count downwards, then by code point;
  /// the special ones (a text may have "<unk>" in it) and those below `threshold` left out, at most
  /// `max_symbols` (0 = all); filled up to a multiple of `padding` entries, the four special ones
  /// included, with symbols of count 0.
  static FairseqDictionary of_counts(const std::map<std::string, int64_t>& counts,
                                     int64_t threshold, int64_t max_symbols, int64_t padding);

  int32_t size() const { return static_cast<int32_t>(symbols_.size()) + 4; }
  int32_t id(std::string_view symbol) const;    ///< <unk>'s id for an unknown symbol
  const std::string& symbol(int32_t id) const;  ///< "<s>", ... for the special ones
  std::string text() const;                     ///< the content of dict.txt

 private:
  void add(const std::string& symbol, int64_t count);
  std::vector<std::pair<std::string, int64_t>> symbols_;
  std::map<std::string, int32_t, std::less<>> ids_;
};

}  // namespace xp
