// Token file: the sentences of one side of a subset as ids, memory-mapped.
//
// Format, little-endian:
//   0   8  magic "xptokens"
//   8   4  version (1)
//  12   4  bytes per token: 2 if the vocabulary has at most 65536 entries, else 4
//  16   8  N, sentences
//  24   8  T, tokens
//  32   8  checksum of everything after the header
//  40   8  entries of the vocabulary; every token is below
//  48   8  unused, zero
//  56   8  checksum of bytes 0 .. 55
//  64      T tokens, zeros up to a multiple of 8, then N + 1 offsets of 8 bytes: sentence i is
//          tokens offset[i] .. offset[i + 1] - 1
// Sentences carry neither <s> nor </s>.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <fstream>
#include <span>
#include <vector>

namespace xp {

/// Writes a token file from front to back. The file is whole only after `finish`.
class TokenFileWriter {
 public:
  TokenFileWriter(const fs::path& path, int64_t vocabulary_size);
  void add(std::span<const int32_t> ids);
  /// Writes offsets and header. Raises kMachine if anything could not be written.
  void finish();

 private:
  void put(const void* bytes, size_t count);
  fs::path path_;
  std::ofstream out_;
  int64_t vocabulary_size_;
  bool wide_;
  std::vector<uint64_t> offsets_{0};
  std::vector<uint16_t> narrow_ids_;
  uint64_t checksum_;
};

/// A token file, mapped. Immutable; may be used by several threads.
class TokenFile {
 public:
  /// Opens a file: header, sizes and ends are checked, and the whole content if it is at most
  /// 1 MiB (`verify` does so for any). Raises kMachine if it is damaged or truncated.
  explicit TokenFile(const fs::path& path);

  int64_t size() const { return num_sentences_; }  ///< sentences
  int64_t num_tokens() const { return num_tokens_; }
  int64_t vocabulary_size() const { return vocabulary_size_; }

  /// Tokens of sentence `i`, without </s>.
  uint32_t length(int64_t i) const;

  /// The ids of sentence `i`, without <s> and </s>.
  std::vector<int32_t> sentence(int64_t i) const;

  /// Compares the whole content with its checksum. Raises kMachine.
  void verify() const;

 private:
  std::pair<uint64_t, uint64_t> bounds(int64_t i) const;
  uint64_t offset(int64_t i) const;
  int32_t token(uint64_t at) const;
  [[noreturn]] void damaged(std::string_view what) const;

  fs::path path_;
  MappedFile file_;
  int64_t num_sentences_ = 0, num_tokens_ = 0, vocabulary_size_ = 0;
  bool wide_ = false;
  const std::byte* tokens_ = nullptr;
  const std::byte* offsets_ = nullptr;
};

}  // namespace xp
