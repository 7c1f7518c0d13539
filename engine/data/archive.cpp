// Unpacks with the program tar and with zlib.
#include "engine/data/archive.h"

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/data/fetch.h"

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

void unpack(const fs::path& archive, const fs::path& folder) {
  const auto needed = fs::file_size(archive) * kGrowth;
  if (free_bytes(folder) < needed) {
    machine_error("unpacking '{}' may take {} and '{}' has {} free", archive.string(),
                  human_bytes(static_cast<double>(needed)), folder.parent_path().string(),
                  human_bytes(static_cast<double>(free_bytes(folder))));
  }
  if (find_program("tar").empty()) {
    machine_error("'{}' cannot be unpacked: the program 'tar' is not installed", archive.string());
  }
  const Finished done =
      run_program({"tar", "--extract", "--no-same-owner", "--no-same-permissions", "--file",
                   fs::absolute(archive).string(), "--directory", fs::absolute(folder).string()});
  if (done.exit_code != 0) {
    const auto lines = split(trim(done.errors), '\n');
    user_error("archive '{}' cannot be unpacked: {}", archive.string(), lines.front());
  }
  refuse_odd_members(folder, archive);
}

}  // namespace

fs::path unpacked_archive(const CorpusPlace& place, const fs::path& archive) {
  check(place.may_fetch, "only a preparation unpacks");
  const std::string sum = local_sha256(place, archive);
  const fs::path folder = place.downloads / "unpacked" /
                          fmt::format("{}-{}", archive.filename().string(), sum.substr(0, 16));
  if (!fs::exists(folder)) {
    const auto lock = FileLock::wait(folder.string() + ".lock");
    if (!fs::exists(folder)) {
      make_folder_atomic(folder, [&](const fs::path& fresh) { unpack(archive, fresh); });
    }
  }
  std::vector<fs::path> members;
  for (const auto& entry : fs::directory_iterator(folder))
    members.push_back(entry.path());
  return members.size() == 1 && fs::is_directory(members[0]) ? members[0] : folder;
}

std::string gunzipped(const fs::path& file) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(::gzopen(file.c_str(), "rb"), &::gzclose);
  if (!in) user_error("'{}' cannot be read", file.string());
  std::string out;
  std::string piece(1 << 16, '\0');
  while (true) {
    const int got = ::gzread(in.get(), piece.data(), static_cast<unsigned>(piece.size()));
    if (got > 0) out.append(piece, 0, static_cast<size_t>(got));
    if (got > 0) continue;
    int code = Z_OK;
    const char* words = ::gzerror(in.get(), &code);
    // A file cut short ends without an error of gzread, but with this one.
    if (got < 0 || code != Z_OK) user_error("gzip file '{}' is damaged: {}", file.string(), words);
    return out;
  }
}

}  // namespace xp
