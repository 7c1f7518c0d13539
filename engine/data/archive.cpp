// Unpacks with the program tar and with zlib.
#include "engine/data/archive.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/data/fetch.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <zlib.h>

namespace xp {
namespace {

// Text shrinks to about a quarter; ten times is what the best case of these formats needs.
constexpr uint64_t kGrowth = 10;

void refuse_odd_members(const fs::path& folder, const fs::path& archive) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto status = entry.symlink_status();
    if (fs::is_directory(status) || fs::is_regular_file(status)) continue;
    user_error(
        "archive '{}' holds '{}', which is neither a file nor a folder; pack it without links",
        archive.string(), fs::relative(entry.path(), folder).string());
  }
}

void unpack(const fs::path& archive, const fs::path& folder,
            const std::vector<std::string>& members) {
  const auto needed = fs::file_size(archive) * kGrowth;
  if (free_bytes(folder) < needed) {
    machine_error("unpacking '{}' may take {} and '{}' has {} free", archive.string(),
                  human_bytes(static_cast<double>(needed)), folder.parent_path().string(),
                  human_bytes(static_cast<double>(free_bytes(folder))));
  }
  if (find_program("tar").empty()) {
    machine_error("'{}' cannot be unpacked: the program 'tar' is not installed", archive.string());
  }
  std::vector<std::string> command = {"tar",
                                      "--extract",
                                      "--no-same-owner",
                                      "--no-same-permissions",
                                      "--file",
                                      fs::absolute(archive).string(),
                                      "--directory",
                                      fs::absolute(folder).string(),
                                      "--"};
  command.insert(command.end(), members.begin(), members.end());
  const Finished done = run_program(command);
  if (done.exit_code != 0) {
    const auto lines = split(trim(done.errors), '\n');
    user_error("archive '{}' cannot be unpacked: {}", archive.string(), lines.front());
  }
  refuse_odd_members(folder, archive);
}

// Hands the content of a gzip file on in pieces.
void gunzip(const fs::path& file, const std::function<void(std::string_view)>& take) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(::gzopen(file.c_str(), "rb"), &::gzclose);
  if (!in) user_error("'{}' cannot be read", file.string());
  std::string piece(1 << 16, '\0');
  while (true) {
    const int got = ::gzread(in.get(), piece.data(), static_cast<unsigned>(piece.size()));
    if (got > 0) take(std::string_view(piece).substr(0, static_cast<size_t>(got)));
    if (got > 0) continue;
    int code = Z_OK;
    const char* words = ::gzerror(in.get(), &code);
    // A file cut short ends without an error of gzread, but with this one.
    if (got < 0 || code != Z_OK) user_error("gzip file '{}' is damaged: {}", file.string(), words);
    return;
  }
}

// The folder below downloads/unpacked that `fill` makes of `file`, unless it is there; `what` tells
// apart different things made of the same file.
fs::path made_once(const CorpusPlace& place, const fs::path& file, const std::string& what,
                   const std::function<void(const fs::path&)>& fill) {
  check(place.may_fetch, "only a preparation unpacks");
  const std::string sum = local_sha256(place, file);
  const fs::path folder = place.downloads / "unpacked" /
                          fmt::format("{}-{}{}", file.filename().string(), sum.substr(0, 16), what);
  if (!fs::exists(folder)) {
    const auto lock = FileLock::wait(folder.string() + ".lock");
    if (!fs::exists(folder)) make_folder_atomic(folder, fill);
  }
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
                     gunzip(file, [&](std::string_view piece) { out << piece; });
                     out.close();
                     if (!out)
                       machine_error("unpacking '{}': {}", file.string(), std::strerror(errno));
                   }) /
         name;
}

}  // namespace xp
