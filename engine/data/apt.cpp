// Runs apt-get, apt-cache and dpkg-deb.
#include "engine/data/apt.h"

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/data/fetch.h"

#include <algorithm>
#include <unistd.h>

namespace xp {
namespace {

std::string last_complaint(const std::string& errors) {
  std::string out = "no reason given";
  for (const auto& line : split(errors, '\n')) {
    if (line.starts_with("E:")) out = std::string(trim(line.substr(2)));
  }
  return out;
}

// Stanzas "Key: value" with blank lines between, as `apt-cache show` prints them.
std::vector<DebFile> parsed_stanzas(const std::string& text) {
  std::vector<DebFile> out;
  DebFile now;
  for (const auto& line : split(text + "\n\n", '\n')) {
    const auto value = [&](std::string_view key) {
      return line.starts_with(key) ? std::string(trim(line.substr(key.size()))) : std::string();
    };
    if (const auto found = value("Package:"); !found.empty()) now.package = found;
    if (const auto found = value("Version:"); !found.empty()) now.version = found;
    if (const auto found = value("SHA256:"); !found.empty()) now.sha256 = found;
    if (const auto found = value("Filename:"); !found.empty())
      now.name = fs::path(found).filename().string();
    if (const auto found = value("Size:"); !found.empty()) now.bytes = std::stoull(found);
    if (!line.empty()) continue;
    // An installed package that no archive offers has no file.
    if (!now.package.empty() && !now.name.empty() && !now.sha256.empty()) out.push_back(now);
    now = {};
  }
  return out;
}

// A "/" or ".." from a package list must not choose where a file is written.
bool is_file_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos;
}

}  // namespace

Value to_json(const DebFile& file) {
  return {{"package", file.package},
          {"version", file.version},
          {"sha256", file.sha256},
          {"name", file.name},
          {"bytes", file.bytes}};
}

DebFile deb_file_from_json(const Value& value) {
  return {value.at("package").get<std::string>(), value.at("version").get<std::string>(),
          value.at("sha256").get<std::string>(), value.at("name").get<std::string>(),
          value.at("bytes").get<uint64_t>()};
}

bool has_apt() {
  return !find_program("apt-get").empty() && !find_program("apt-cache").empty() &&
         !find_program("dpkg-deb").empty();
}

Apt::Apt(const CorpusPlace& place) : place_(place), own_(fs::absolute(place.downloads) / "apt") {}

std::vector<std::string> Apt::command(const std::string& program) const {
  // As root apt drops to a user who may not read the workspace.
  std::vector<std::string> out = {program, "-q", "-o", "APT::Sandbox::User=root"};
  if (!uses_own_lists_) return out;
  for (const auto& option :
       {"Dir::State::Lists=" + (own_ / "lists").string(), "Dir::Cache=" + (own_ / "cache").string(),
        std::string("Debug::NoLocking=1")}) {
    out.push_back("-o");
    out.push_back(option);
  }
  return out;
}

std::string Apt::update() {
  for (const char* folder : {"lists/partial", "cache/archives/partial"})
    fs::create_directories(own_ / folder);
  uses_own_lists_ = true;
  fmt::print(stderr, "fetching package lists into the workspace\n");
  auto update_command = command("apt-get");
  update_command.push_back("update");
  const Finished done = run_program(update_command);
  return done.exit_code == 0 ? "" : last_complaint(done.errors);
}

std::vector<DebFile> Apt::offered(const std::vector<std::string>& packages) const {
  auto show = command("apt-cache");
  show.insert(show.end(), {"--no-all-versions", "show"});
  show.insert(show.end(), packages.begin(), packages.end());
  return parsed_stanzas(run_program(show).output);
}

std::vector<std::optional<DebFile>> Apt::find(const std::vector<std::string>& entries) {
  std::vector<std::string> packages;
  for (const auto& entry : entries) {
    for (const auto& name : split(entry, '|')) {
      if (!name.empty()) packages.push_back(name);
    }
  }
  std::string complaint;
  while (true) {
    const auto files = offered(packages);
    std::vector<std::optional<DebFile>> out;
    std::string missing;
    for (const auto& entry : entries) {
      auto& chosen = out.emplace_back();
      for (const auto& name : split(entry, '|')) {
        const auto found = std::find_if(files.begin(), files.end(),
                                        [&](const DebFile& file) { return file.package == name; });
        if (found == files.end() || chosen) continue;
        chosen = *found;
      }
      if (!chosen && !entry.ends_with('|')) missing = entry;
    }
    if (missing.empty()) return out;
    if (uses_own_lists_) {
      machine_error(
          "no package '{}' is offered here{}; correct 'packages' in [corpus], or set 'catalogs' "
          "to a folder that holds catalogs, such as \"/usr/share/locale\"",
          missing, complaint.empty() ? "" : " (" + complaint + ")");
    }
    complaint = update();
  }
}

fs::path Apt::fetch(const DebFile& file) {
  if (!is_file_name(file.name)) user_error("'{}' is no name of a package file", file.name);
  const RemoteFile remote{file.name, "the package archive", file.bytes, file.sha256};
  if (const auto here = find_local(place_, remote); !here.empty()) return here;
  fs::create_directories(place_.downloads);
  std::string complaint;
  for (const bool is_retry : {false, true}) {
    if (is_retry && !uses_own_lists_) update();
    const TempFolder folder(place_.downloads);
    auto download = command("apt-get");
    download.insert(download.end(), {"download", file.package + "=" + file.version});
    const Finished done = run_program(download, folder.path());
    complaint = done.exit_code == 0 ? "another file came" : last_complaint(done.errors);
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      if (entry.path().extension() != ".deb") continue;
      if (local_sha256({}, entry.path()) != file.sha256) continue;
      fs::rename(entry.path(), place_.downloads / file.name);
      return place_.downloads / file.name;
    }
  }
  machine_error(
      "package '{}' {} ({}) cannot be fetched: {}; put '{}' into '{}', or delete it from '{}' to "
      "take what is offered now",
      file.package, file.version, human_bytes(static_cast<double>(file.bytes)), complaint,
      file.name, place_.downloads.string(), place_.lock.string());
}

fs::path unpacked_catalogs(const CorpusPlace& place, const fs::path& deb, const DebFile& file,
                           const std::string& language) {
  const fs::path folder = place.downloads / "unpacked" /
                          fmt::format("{}-{}.{}", file.name, file.sha256.substr(0, 16), language);
  if (fs::exists(folder)) return folder;
  const auto lock = FileLock::wait(folder.string() + ".lock");
  if (fs::exists(folder)) return folder;
  make_folder_atomic(folder, [&](const fs::path& fresh) {
    const TempFolder whole(fresh.parent_path());
    const Finished done =
        run_program({"dpkg-deb", "--extract", deb.string(), whole.path().string()});
    if (done.exit_code != 0) {
      machine_error("'{}' cannot be unpacked: {}", deb.string(), trim(done.errors));
    }
    for (const auto& entry : fs::recursive_directory_iterator(whole.path())) {
      const fs::path path = entry.path();
      if (!entry.is_symlink() && entry.is_regular_file() && path.extension() == ".mo" &&
          path.parent_path().filename() == "LC_MESSAGES" &&
          path.parent_path().parent_path().filename() == language) {
        fs::copy_file(path, fresh / path.filename(), fs::copy_options::skip_existing);
      }
    }
  });
  return folder;
}

}  // namespace xp
