// Fills downloads/unpacked, once for each archive or compressed file.
#include "engine/data/archive.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/progress.h"
#include "engine/base/text.h"
#include "engine/data/archive_reader.h"
#include "engine/data/fetch.h"
#include "engine/data/gzip_reader.h"
#include "engine/data/made_once.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>

namespace xp {
namespace {

// Text shrinks to a quarter, at best to a hundredth. What grows much more is not text.
constexpr uint64_t kMaxGrowth = 200, kHarmlessBytes = uint64_t{1} << 30;
constexpr size_t kMaxMembers = 1'000'000;

// Files below `folder`, written from the members of `archive`.
class Unpacking {
 public:
  Unpacking(const fs::path& archive, const fs::path& folder)
      : archive_(archive),
        folder_(folder),
        most_bytes_(std::max(kHarmlessBytes, kMaxGrowth * fs::file_size(archive))),
        progress_("unpacking " + archive.filename().string(), 0, "bytes") {}

  void add_folder(const ArchiveMember& member) {
    std::error_code code;
    fs::create_directories(folder_ / member.name, code);
    if (code) cannot_write(member.name, code.value());
  }

  void add_file(ArchiveReader& reader, const ArchiveMember& member) {
    require_room(member.bytes);
    const fs::path path = folder_ / member.name;
    std::error_code code;
    fs::create_directories(path.parent_path(), code);
    if (code) cannot_write(member.name, code.value());
    errno = 0;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    if (!out) cannot_write(member.name, errno);
    reader.read([&](std::string_view piece) {
      require_sane(num_bytes_ += piece.size());
      out << piece;
      if (!out) cannot_write(member.name, errno);
      progress_.update(static_cast<int64_t>(num_bytes_));
    });
    out.close();
    if (!out) cannot_write(member.name, errno);
  }

 private:
  // What a member says about its size is believed if it is too much already.
  void require_room(uint64_t bytes) const {
    require_sane(bytes > most_bytes_ ? bytes : num_bytes_ + bytes);
    const uint64_t free = free_bytes(folder_);
    if (free >= bytes) return;
    machine_error("unpacking '{}' needs {} and '{}' has {} free; make room", archive_.string(),
                  human_bytes(static_cast<double>(bytes)), folder_.parent_path().string(),
                  human_bytes(static_cast<double>(free)));
  }

  void require_sane(uint64_t bytes) const {
    if (bytes <= most_bytes_) return;
    user_error("archive '{}' would grow to more than {}; it is made to fill a disk, or is not text",
               archive_.string(), human_bytes(static_cast<double>(most_bytes_)));
  }

  [[noreturn]] void cannot_write(const std::string& name, int code) const {
    for (const int odd : {ENAMETOOLONG, ENOTDIR, EISDIR, EEXIST, EINVAL, EILSEQ}) {
      if (code != odd) continue;
      user_error("archive '{}' holds '{}', which cannot be unpacked: {}", archive_.string(), name,
                 std::strerror(code));
    }
    machine_error("unpacking '{}': writing '{}': {}", archive_.string(), name, std::strerror(code));
  }

  const fs::path &archive_, &folder_;
  uint64_t most_bytes_, num_bytes_ = 0;
  Progress progress_;
};

void unpack(const fs::path& archive, const fs::path& folder,
            const std::vector<std::string>& members) {
  ArchiveReader reader(archive);
  Unpacking unpacking(archive, folder);
  std::vector<std::string> missing = members;
  size_t count = 0;
  while (const auto member = reader.next()) {
    if (++count > kMaxMembers)
      user_error("archive '{}' holds more than {} files; pack them as fewer", archive.string(),
                 kMaxMembers);
    const bool wanted = members.empty() || std::erase(missing, member->name) > 0;
    if (member->is_folder) {
      if (members.empty()) unpacking.add_folder(*member);
    } else if (wanted) {
      unpacking.add_file(reader, *member);
    }
  }
  if (!missing.empty()) user_error("archive '{}' has no '{}'", archive.string(), missing.front());
}

void gunzip(const fs::path& file, const std::function<void(std::string_view)>& take) {
  GzipReader reader(file);
  for (auto piece = reader.next(); !piece.empty(); piece = reader.next())
    take(piece);
  if (!reader.damage().empty())
    user_error("gzip file '{}' is damaged: {}; fetch or compress it again", file.string(),
               reader.damage());
}

// The folder below downloads/unpacked that `fill` makes of `file`, unless it is there; `what` names
// different things made of the same file.
fs::path made_once(const CorpusPlace& place, const fs::path& file, const std::string& what,
                   const std::function<void(const fs::path&)>& fill) {
  check(place.may_fetch, "only a preparation unpacks");
  const std::string sum = local_sha256(place, file);
  const fs::path folder = place.downloads / "unpacked" /
                          fmt::format("{}-{}{}", file.filename().string(), sum.substr(0, 16), what);
  make_once(folder, folder, folder.string() + ".lock", fill);
  return folder;
}

}  // namespace

fs::path find_archive(const CorpusPlace& place, const std::string& name) {
  const fs::path beside = place.spec_folder / name;
  if (fs::is_regular_file(beside)) return beside;
  const fs::path mirrored = place.mirror / fs::path(name).filename();
  return !place.mirror.empty() && fs::is_regular_file(mirrored) ? mirrored : fs::path();
}

std::string archive_is_missing(const std::string& name) {
  return fmt::format(
      "archive '{}' is missing; put it beside the spec, or set XP_MIRROR to the folder that has it",
      name);
}

fs::path unpacked_archive(const CorpusPlace& place, const fs::path& archive,
                          const std::vector<std::string>& members) {
  const std::string what = members.empty() ? "" : "-" + content_id(Value(members)).substr(0, 8);
  const fs::path folder = made_once(
      place, archive, what, [&](const fs::path& fresh) { unpack(archive, fresh, members); });
  if (!members.empty()) return folder;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    found.push_back(entry.path());
  return found.size() == 1 && fs::is_directory(found[0]) ? found[0] : folder;
}

std::vector<std::string> archive_files(const fs::path& archive) {
  ArchiveReader reader(archive);
  std::vector<std::string> out;
  while (const auto member = reader.next())
    if (!member->is_folder) out.push_back(member->name);
  return out;
}

std::string gunzipped(const fs::path& file) {
  std::string out;
  gunzip(file, [&](std::string_view piece) { out += piece; });
  return out;
}

fs::path uncompressed(const CorpusPlace& place, const fs::path& file) {
  if (file.extension() != ".gz") return file;
  const fs::path name = file.stem();
  return made_once(place, file, "",
                   [&](const fs::path& fresh) {
                     std::ofstream out(fresh / name, std::ios::binary);
                     gunzip(file, [&](std::string_view piece) {
                       out << piece;
                       if (!out)
                         machine_error("unpacking '{}': {}", file.string(), std::strerror(errno));
                     });
                     out.close();
                     if (!out)
                       machine_error("unpacking '{}': {}", file.string(), std::strerror(errno));
                   }) /
         name;
}

}  // namespace xp
