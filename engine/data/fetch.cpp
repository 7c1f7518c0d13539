// Local files, their hashes, and downloads by the program curl.
#include "engine/data/fetch.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/data/growth.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace xp {
namespace {

fs::path hash_cache(const CorpusPlace& place) {
  return place.downloads / "sha256.json";
}

Value known_hashes(const CorpusPlace& place) {
  std::error_code ignored;
  if (place.downloads.empty() || !fs::exists(hash_cache(place), ignored)) return Value::object();
  Value known = Value::parse(read_file(hash_cache(place)), nullptr, /*allow_exceptions=*/false);
  return known.is_object() ? known : Value::object();
}

std::string fingerprint(const fs::path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0)
    user_error("'{}' cannot be read: {}", file.string(), std::strerror(errno));
  // The time of the last change of the inode tells of text put in place with an older one's time.
  return fmt::format("{}:{}.{}:{}.{}:{}", about.st_size, about.st_mtim.tv_sec,
                     about.st_mtim.tv_nsec, about.st_ctim.tv_sec, about.st_ctim.tv_nsec,
                     about.st_ino);
}

std::string size_words(const RemoteFile& file) {
  return file.bytes == 0 ? "size unknown" : human_bytes(static_cast<double>(file.bytes));
}

std::string objection_to(const CorpusPlace& place, const fs::path& path, const RemoteFile& file) {
  const auto size = fs::file_size(path);
  if (file.bytes != 0 && size != file.bytes) {
    return fmt::format("it has {} bytes and should have {}", size, file.bytes);
  }
  if (file.sha256.empty()) return "";
  const std::string found = local_sha256(place, path);
  if (found == file.sha256) return "";
  return fmt::format("its SHA-256 is {} and should be {}", found, file.sha256);
}

[[noreturn]] void not_here(const CorpusPlace& place, const RemoteFile& file,
                           const std::string& why) {
  const fs::path folder = place.mirror.empty() ? place.downloads : place.mirror;
  machine_error(
      "'{}' ({}) cannot be had from {}; fetch it elsewhere and put it into '{}', or set "
      "XP_MIRROR to a folder that has it",
      file.name, size_words(file), why, folder.string());
}

std::string last_line(const std::string& text) {
  const auto lines = split(trim(text), '\n');
  return std::string(trim(lines.back()));
}

// Of curl's exit codes: the connection ended before the file did; the server cannot continue in the
// middle of a file.
constexpr int kCutShort = 18, kCannotResume = 33;

uint64_t size_of(const fs::path& file) {
  std::error_code code;
  const auto size = fs::file_size(file, code);
  return code ? 0 : size;
}

Finished download(const RemoteFile& file, const std::string& address, const fs::path& part) {
  return run_program({"curl",
                      "--fail",
                      "--location",
                      "--silent",
                      "--show-error",  //
                      "--retry",
                      std::to_string(file.retries),
                      "--retry-delay",
                      "1",
                      "--retry-connrefused",  //
                      "--connect-timeout",
                      "20",
                      "--speed-limit",
                      "100",  //
                      "--speed-time",
                      std::to_string(file.stall_s),  //
                      "--continue-at",
                      "-",
                      "--output",
                      fs::absolute(part).string(),
                      address});
}

// Leaves the whole file in `part`, or nothing and a sentence that says why.
std::string attempt(const CorpusPlace& place, const RemoteFile& file, const std::string& address,
                    const fs::path& part) {
  bool is_resumed = fs::exists(part);
  while (true) {
    const uint64_t before = size_of(part);
    const Finished done = download(file, address, part);
    if (done.exit_code == kCutShort && size_of(part) > before) continue;
    std::string wrong;
    if (done.exit_code == 0) {
      wrong = objection_to(place, part, file);
      if (wrong.empty()) return "";
      wrong = "what came is not the file, " + wrong;
    } else if (done.exit_code != kCannotResume) {
      return last_line(done.errors);  // the beginning stays for the next try
    }
    fs::remove(part);
    if (!is_resumed) return wrong.empty() ? last_line(done.errors) : wrong;
    // What was there before may have been the beginning of something else.
    is_resumed = false;
  }
}

}  // namespace

std::string local_sha256(const CorpusPlace& place, const fs::path& file) {
  const std::string key = fs::absolute(file).lexically_normal().string();
  const std::string now = fingerprint(file);
  Value known = known_hashes(place);
  if (const auto found = known.find(key); found != known.end() && found->is_object()) {
    const Value sum = found->value("sha256", Value());
    const bool is_same = found->value("file", Value()) == now;
    if (is_same && sum.is_string() && sum.get_ref<const std::string&>().size() == 64) return sum;
  }
  const std::string sum = sha256_file(file.string());
  if (place.may_fetch && !place.downloads.empty()) {
    // Another process may have added to it meanwhile; what gets lost is only work saved.
    known = known_hashes(place);
    known[key] = {{"file", now}, {"sha256", sum}};
    write_atomic(hash_cache(place), json_text(known, 1) + "\n");
  }
  return sum;
}

fs::path find_local(const CorpusPlace& place, const RemoteFile& file) {
  for (const auto& folder : {place.mirror, place.downloads}) {
    std::error_code code;
    const fs::path path = folder / file.name;
    if (folder.empty() || !fs::is_regular_file(path, code)) continue;
    const std::string wrong = objection_to(place, path, file);
    if (wrong.empty()) return path;
    user_error("'{}' is not the file of {}: {}; delete or replace it", path.string(),
               join(file.addresses, " or "), wrong);
  }
  return {};
}

fs::path fetch(const CorpusPlace& place, const RemoteFile& file) {
  check(place.may_fetch, "only a preparation downloads");
  if (const auto here = find_local(place, file); !here.empty()) return here;
  if (find_program("curl").empty()) {
    not_here(place, file, join(file.addresses, " or ") + ": the program 'curl' is not installed");
  }
  fs::create_directories(place.downloads);
  const fs::path target = place.downloads / file.name;
  const auto lock = FileLock::wait(place.downloads / ("." + file.name + ".lock"));
  if (const auto here = find_local(place, file); !here.empty()) return here;
  if (free_bytes(place.downloads) < file.bytes + (1u << 20)) {
    machine_error("'{}' needs {} and '{}' has {} free", file.name, size_words(file),
                  place.downloads.string(),
                  human_bytes(static_cast<double>(free_bytes(place.downloads))));
  }
  const fs::path part = target.string() + ".part";
  Growth growth("fetching " + file.name, part, file.bytes);
  std::vector<std::string> failures;
  for (const auto& address : file.addresses) {
    const std::string wrong = attempt(place, file, address, part);
    if (wrong.empty()) {
      fs::rename(part, target);
      growth.finish(fs::file_size(target));
      return target;
    }
    failures.push_back(fmt::format("{}: {}", address, wrong));
  }
  not_here(place, file, join(failures, "; nor from "));
}

fs::path mirror_archive(const CorpusPlace& place, const std::string& kind) {
  if (place.mirror.empty()) return {};
  for (const char* ending : {".tar.xz", ".tar.gz", ".tar.zst", ".zip"}) {
    std::error_code code;
    const fs::path path = place.mirror / (kind + ending);
    if (fs::is_regular_file(path, code)) return path;
  }
  return {};
}

}  // namespace xp
