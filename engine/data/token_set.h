// The sentences of one side of a subset: several token files read as one.
#pragma once

#include "engine/data/token_file.h"

#include <optional>
#include <vector>

namespace xp {

/// The path of part `index` of a set: STEM.0.tokens, STEM.1.tokens, ...
fs::path token_part(const fs::path& stem, size_t index);

/// Writes a set part by part, so that memory stays bounded: 8 bytes for each sentence of a part.
class TokenSetWriter {
 public:
  TokenSetWriter(fs::path stem, int64_t vocabulary_size,
                 int64_t sentences_per_part = int64_t{1} << 23);
  void add(std::span<const int32_t> ids);
  /// Raises kMachine if anything could not be written.
  void finish();

 private:
  fs::path stem_;
  int64_t vocabulary_size_, sentences_per_part_, in_part_ = 0;
  size_t num_parts_ = 0;
  std::optional<TokenFileWriter> part_;
};

/// A set, mapped. Opening reads a page or two of each part, however long they are. Immutable; may
/// be used by several threads.
class TokenSet {
 public:
  /// Raises kMachine if a part is missing or damaged (see TokenFile).
  explicit TokenSet(const fs::path& stem);

  int64_t size() const { return firsts_.back(); }  ///< sentences
  int64_t num_tokens() const;
  int64_t vocabulary_size() const { return parts_.front().vocabulary_size(); }
  uint32_t length(int64_t i) const;                ///< see TokenFile
  std::vector<int32_t> sentence(int64_t i) const;  ///< see TokenFile
  std::vector<uint32_t> lengths() const;           ///< of all sentences
  void verify() const;                             ///< every part; see TokenFile

 private:
  std::pair<const TokenFile&, int64_t> at(int64_t i) const;
  std::vector<TokenFile> parts_;
  std::vector<int64_t> firsts_;  ///< index of each part's first sentence, then the number of all
};

}  // namespace xp
