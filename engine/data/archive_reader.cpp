// Reads with libarchive, gzip with our own reader: libarchive compares no checksum of gzip.
#include "engine/data/archive_reader.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/data/gzip_reader.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <clocale>
#include <cstring>
#include <fstream>

namespace xp {
namespace {

constexpr size_t kPieceBytes = 1 << 16;

// libarchive translates names to the thread's locale, which is C in a program that sets none: then
// no name but an ASCII one could be read.
class Utf8Names {
 public:
  Utf8Names() : own_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(::uselocale(own_)) {}
  ~Utf8Names() {
    ::uselocale(before_);
    if (own_ != nullptr) ::freelocale(own_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t own_, before_;
};

// "./a/b" -> "a/b"; empty if it leads out.
std::string inner_name(const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.empty() || path.is_absolute() || *path.begin() == "..") return "";
  std::string out = path.generic_string();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

}  // namespace

struct ArchiveReader::Source {
  fs::path path;
  std::optional<GzipReader> gzip;
  struct archive* in = ::archive_read_new();
  bool is_zip = false;

  ~Source() { ::archive_read_free(in); }

  // A zip is read from its end, where its table of contents lies: what is cut short has none.
  int open() {
    is_zip = starts_as_zip();
    if (is_zip) {
      ::archive_read_support_format_zip_seekable(in);
      return ::archive_read_open_filename(in, path.c_str(), kPieceBytes);
    }
    ::archive_read_support_format_tar(in);
    // `cat a.tar b.tar` has the members of both.
    ::archive_read_set_format_option(in, "tar", "read_concatenated_archives", "1");
    ::archive_read_support_filter_bzip2(in);
    ::archive_read_support_filter_xz(in);
    ::archive_read_support_filter_zstd(in);
    gzip.emplace(path);
    if (gzip->is_gzip()) return ::archive_read_open(in, this, nullptr, &Source::read, nullptr);
    gzip.reset();
    return ::archive_read_open_filename(in, path.c_str(), kPieceBytes);
  }

  bool starts_as_zip() const {
    std::ifstream file(path, std::ios::binary);
    char start[4] = {};
    if (!file) user_error("archive '{}' cannot be read: {}", path.string(), std::strerror(errno));
    file.read(start, sizeof start);
    const std::string_view found(start, sizeof start);
    return found == std::string_view("PK\3\4", 4) || found == std::string_view("PK\5\6", 4);
  }

  static la_ssize_t read(struct archive* in, void* self, const void** piece) {
    auto& source = *static_cast<Source*>(self);
    const std::string_view content = source.gzip->next();
    if (content.empty() && !source.gzip->damage().empty()) {
      ::archive_set_error(in, EIO, "%s", source.gzip->damage().c_str());
      return -1;
    }
    *piece = content.data();
    return static_cast<la_ssize_t>(content.size());
  }

  // A whole tar ends in blocks of zeros. libarchive also takes the end of the file, or of what a
  // decompressor could make of it, between two members: then it has read no block of an end.
  bool lacks_end_of_tar() const {
    return !is_zip && ::archive_filter_bytes(in, 0) == ::archive_read_header_position(in);
  }

  // Compares the checksums of a gzip whose tar ends before it does.
  bool rest_is_whole() {
    if (!gzip) return true;
    while (!gzip->next().empty()) {
    }
    if (!gzip->damage().empty()) ::archive_set_error(in, EIO, "%s", gzip->damage().c_str());
    return gzip->damage().empty();
  }
};

ArchiveReader::ArchiveReader(const fs::path& file) : source_(std::make_unique<Source>()) {
  source_->path = file;
  if (source_->open() != ARCHIVE_OK) damaged();
}

ArchiveReader::~ArchiveReader() = default;

void ArchiveReader::damaged() const {
  const char* words = ::archive_error_string(source_->in);
  user_error("archive '{}' cannot be unpacked, it is cut short, damaged or neither tar nor zip{}",
             source_->path.string(), words == nullptr ? "" : fmt::format(" ({})", words));
}

std::optional<ArchiveMember> ArchiveReader::next() {
  const Utf8Names names;
  struct archive_entry* entry = nullptr;
  const int result = ::archive_read_next_header(source_->in, &entry);
  if (result == ARCHIVE_EOF) {
    if (source_->lacks_end_of_tar() || !source_->rest_is_whole()) damaged();
    return std::nullopt;
  }
  const char* name = result == ARCHIVE_OK ? ::archive_entry_pathname(entry) : nullptr;
  if (name == nullptr) damaged();
  const auto type = ::archive_entry_filetype(entry);
  const bool is_link = ::archive_entry_hardlink(entry) != nullptr;
  if (is_link || (type != AE_IFREG && type != AE_IFDIR)) {
    user_error(
        "archive '{}' holds '{}', which is neither a file nor a folder; pack it without links",
        source_->path.string(), name);
  }
  ArchiveMember out{inner_name(name), type == AE_IFDIR, 0};
  if (out.name.empty()) {
    user_error("archive '{}' holds '{}', a name that leads out of it; pack it anew",
               source_->path.string(), name);
  }
  if (::archive_entry_size_is_set(entry) != 0)
    out.bytes = static_cast<uint64_t>(std::max<int64_t>(0, ::archive_entry_size(entry)));
  return out;
}

void ArchiveReader::read(const std::function<void(std::string_view)>& take) {
  std::string piece(kPieceBytes, '\0');
  while (true) {
    const auto got = ::archive_read_data(source_->in, piece.data(), piece.size());
    if (got < 0) damaged();
    if (got == 0) return;
    take(std::string_view(piece).substr(0, static_cast<size_t>(got)));
  }
}

}  // namespace xp
