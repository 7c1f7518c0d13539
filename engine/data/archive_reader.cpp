// Reads with libarchive; gzip with zlib, which, unlike libarchive, compares the checksum.
#include "engine/data/archive_reader.h"

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <clocale>
#include <fstream>
#include <zlib.h>

namespace xp {
namespace {

constexpr size_t kPieceBytes = 1 << 16, kTarBlock = 512;

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

// "./a/b" -> "a/b"; empty where it leads out.
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
  gzFile gz = nullptr;
  struct archive* in = ::archive_read_new();
  bool is_zip = false;
  std::string piece = std::string(kPieceBytes, '\0');

  ~Source() {
    ::archive_read_free(in);
    if (gz != nullptr) ::gzclose(gz);
  }

  // A zip is read from its end, where its table of contents lies: what is cut short has none.
  int open() {
    is_zip = starts_as_zip();
    if (is_zip) {
      ::archive_read_support_format_zip_seekable(in);
      return ::archive_read_open_filename(in, path.c_str(), kPieceBytes);
    }
    gz = ::gzopen(path.c_str(), "rb");  // hands on as it is what is not compressed by gzip
    if (gz == nullptr) user_error("archive '{}' cannot be read", path.string());
    ::archive_read_support_format_tar(in);
    ::archive_read_support_filter_bzip2(in);
    ::archive_read_support_filter_xz(in);
    ::archive_read_support_filter_zstd(in);
    return ::archive_read_open(in, this, nullptr, &Source::read, nullptr);
  }

  bool starts_as_zip() const {
    std::ifstream file(path, std::ios::binary);
    char start[4] = {};
    if (!file) user_error("archive '{}' cannot be read", path.string());
    file.read(start, sizeof start);
    const std::string_view found(start, sizeof start);
    return found == std::string_view("PK\3\4", 4) || found == std::string_view("PK\5\6", 4);
  }

  static la_ssize_t read(struct archive* in, void* self, const void** piece) {
    auto& source = *static_cast<Source*>(self);
    const int got = ::gzread(source.gz, source.piece.data(), kPieceBytes);
    int code = Z_OK;
    const char* words = ::gzerror(source.gz, &code);
    // A file cut short ends without an error of gzread, but with this one.
    if (got < 0 || (got == 0 && code != Z_OK)) {
      ::archive_set_error(in, EIO, "%s", words == nullptr ? "" : words);
      return -1;
    }
    *piece = source.piece.data();
    return got;
  }

  // Compressed streams have an end of their own; a plain tar may be cut between two members, but
  // ends in blocks of zeros where it is whole.
  bool is_plain_tar_cut_short() const {
    if (is_zip || ::gzdirect(gz) == 0 || ::archive_filter_code(in, 0) != ARCHIVE_FILTER_NONE)
      return false;
    std::ifstream file(path, std::ios::binary);
    file.seekg(-static_cast<std::streamoff>(kTarBlock), std::ios::end);
    std::string last(kTarBlock, '\1');
    file.read(last.data(), kTarBlock);
    return std::any_of(last.begin(), last.end(), [](char c) { return c != '\0'; });
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
    if (source_->is_plain_tar_cut_short()) damaged();
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
