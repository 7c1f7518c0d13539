// The content of a gzip file, all of its members checked.
// Source: RFC 1952. zlib's gzread is not used: it ends silently before a damaged second member.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace xp {

class GzipReader {
 public:
  /// Raises kMachine if the file cannot be opened.
  explicit GzipReader(const fs::path& file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Whether the file begins with gzip's two bytes; an empty file does not.
  bool is_gzip() const;

  /// The next piece of content, valid until the next call; empty at the end and after damage.
  std::string_view next();

  /// Why the content ends before the file does; empty if it does not. Zero bytes after the last
  /// member are padding, as in gzip itself.
  const std::string& damage() const { return damage_; }

 private:
  struct Inflater;
  bool begin_member();
  MappedFile file_;
  std::unique_ptr<Inflater> inflater_;
  size_t at_ = 0;  ///< bytes of the file consumed
  int64_t num_members_ = 0;
  bool is_inside_ = false;  ///< of a member
  std::string piece_, damage_;
};

}  // namespace xp
