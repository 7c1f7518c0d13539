// The text of one direction of a subset on disk while a corpus is prepared: line-aligned, read in
// chunks by several threads.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace xp {

/// First written, then read. Memory: a few bytes for every 4096 pairs.
class RawText {
 public:
  RawText(fs::path source, fs::path target);

  /// Adds a pair of lines, which have no line end. Raises kMachine if they cannot be written.
  void add(std::string_view source, std::string_view target);
  /// Ends writing. Raises kMachine if not everything could be written.
  void finish();

  int64_t size() const { return size_; }
  uint64_t num_bytes() const { return source_bytes_ + target_bytes_; }
  const fs::path& source_path() const { return source_path_; }
  const fs::path& target_path() const { return target_path_; }

  size_t num_chunks() const { return chunks_.size(); }
  /// Calls `each(index, source, target)` for the pairs of a chunk, in order. Raises kMachine if
  /// a file was changed meanwhile.
  template <class Each>
  void for_each(size_t chunk, Each&& each) const {
    Cursor cursor = begin(chunk);
    for (int64_t i = chunks_[chunk].first; i < cursor.end; ++i) {
      const std::string_view source = next(cursor.source);
      each(i, source, next(cursor.target));
    }
  }

 private:
  struct Chunk {
    int64_t first;
    uint64_t source_at, target_at;
  };
  struct Cursor {
    std::string_view source, target;
    int64_t end;
  };
  Cursor begin(size_t chunk) const;
  std::string_view next(std::string_view& rest) const;

  fs::path source_path_, target_path_;
  std::ofstream source_out_, target_out_;
  std::optional<MappedFile> source_, target_;
  std::vector<Chunk> chunks_;
  int64_t size_ = 0;
  uint64_t source_bytes_ = 0, target_bytes_ = 0;
};

}  // namespace xp
