// Reads the members of a tar or zip archive from any source, one after the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xp {

struct ArchiveMember {
  std::string name;  ///< below the archive's top, with "/" between parts; never leads out of it
  bool is_folder = false;
  uint64_t bytes = 0;  ///< as the archive claims; the content may have another size
};

/// Reads tar (plain, or compressed by gzip, bzip2, xz or zstd) and zip, recognized by their bytes.
class ArchiveReader {
 public:
  /// Raises kUser if the file cannot be read or is not such an archive.
  explicit ArchiveReader(const std::filesystem::path& file);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next member, nothing after the last. Raises kUser if the archive is truncated or
  /// damaged, or the member is neither a file nor a folder or its name leads out of the archive.
  std::optional<ArchiveMember> next();

  /// Passes the content of the member that `next` returned to `take` in pieces. Raises kUser if it
  /// is damaged.
  void read(const std::function<void(std::string_view)>& take);

 private:
  struct Source;
  [[noreturn]] void damaged() const;
  std::unique_ptr<Source> source_;
};

}  // namespace xp
