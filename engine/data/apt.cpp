// Runs apt-get, apt-cache and dpkg-deb.
#include "engine/data/apt.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/data/fetch.h"
#include "engine/data/growth.h"
#include "engine/data/made_once.h"

#include <algorithm>
#include <charconv>

namespace xp {
namespace {

std::string last_complaint(const std::string& errors) {
  std::string out = "no reason given";
  for (const auto& line : split(errors, '\n')) {
    if (line.starts_with("E:")) out = std::string(trim(line.substr(2)));
  }
  return out;
}

// A "/" or ".." from a package list must not choose where a file is written.
bool is_file_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The number of bytes that a stanza names; 0, unknown, if it is not a number.
uint64_t size_from(const std::string& text) {
  uint64_t out = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && stop == text.data() + text.size() ? out : 0;
}

RemoteFile remote(const DebFile& file) {
  return {file.name, {"the package archive"}, file.bytes, file.sha256};
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
  DebFile out{value.at("package").get<std::string>(), value.at("version").get<std::string>(),
              value.at("sha256").get<std::string>(), value.at("name").get<std::string>(), 0};
  const Value& bytes = value.at("bytes");
  if (!bytes.is_number_integer() || bytes < 0)
    user_error("{} is not a number of bytes", show(bytes));
  out.bytes = bytes.get<uint64_t>();
  if (!is_file_name(out.name)) user_error("'{}' is not the name of a package file", out.name);
  if (!is_sha256(out.sha256)) user_error("'{}' is not a SHA-256", out.sha256);
  return out;
}

std::vector<DebFile> parse_stanzas(const std::string& text) {
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
    if (const auto found = value("Size:"); !found.empty()) now.bytes = size_from(found);
    if (!line.empty()) continue;
    // An installed package that no archive offers has no file.
    if (!now.package.empty() && is_file_name(now.name) && is_sha256(now.sha256)) out.push_back(now);
    now = {};
  }
  return out;
}

std::optional<std::vector<DebFile>> pinned_packages(const fs::path& lock,
                                                    const std::vector<std::string>& entries) {
  if (lock.empty() || !fs::exists(lock)) return std::nullopt;
  const Value all = load_toml(lock.string());
  const auto pins = all.find("gettext");
  std::vector<DebFile> out;
  try {
    for (const auto& entry : entries) {
      if (pins == all.end() || !pins->contains(entry)) return std::nullopt;
      const Value& pin = pins->at(entry);
      if (pin.at("package") != "") out.push_back(deb_file_from_json(pin));
    }
  } catch (const Value::exception& error) {
    user_error("'{}' is damaged: {}; correct or delete it", lock.string(), error.what());
  } catch (const Error& error) {
    user_error("'{}' is damaged: {}; correct or delete it", lock.string(), error.what());
  }
  return out;
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

bool Apt::has_own_lists() const {
  return fs::exists(own_ / "updated");
}

std::string Apt::update() {
  for (const char* folder : {"lists/partial", "cache/archives/partial"})
    fs::create_directories(own_ / folder);
  uses_own_lists_ = true;
  fmt::print(stderr, "fetching package lists into the workspace\n");
  auto update_command = command("apt-get");
  update_command.push_back("update");
  const Finished done = run_program(update_command);
  if (done.exit_code != 0) return last_complaint(done.errors);
  write_atomic(own_ / "updated", "");
  return "";
}

std::vector<DebFile> Apt::offered(const std::vector<std::string>& packages) const {
  auto show = command("apt-cache");
  show.insert(show.end(), {"--no-all-versions", "show"});
  show.insert(show.end(), packages.begin(), packages.end());
  return parse_stanzas(run_program(show).output);
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

std::vector<DebFile> Apt::missing(const std::vector<DebFile>& files) const {
  std::vector<DebFile> out;
  for (const auto& file : files) {
    if (find_local(place_, remote(file)).empty()) out.push_back(file);
  }
  return out;
}

// One call for all files, because each reads the whole package lists. Returns a complaint, or "".
std::string Apt::download(const std::vector<DebFile>& files) {
  const TempFolder folder(place_.downloads);
  uint64_t bytes = 0;
  auto call = command("apt-get");
  call.push_back("download");
  for (const auto& file : files) {
    call.push_back(file.package + "=" + file.version);
    bytes += file.bytes;
  }
  Growth growth("fetching packages", folder.path(), bytes);
  const Finished done = run_program(call, folder.path());
  uint64_t taken = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".deb") continue;
    const std::string sum = sha256_file(entry.path().string());
    for (const auto& file : files) {
      if (file.sha256 != sum) continue;
      fs::rename(entry.path(), place_.downloads / file.name);
      taken += file.bytes;
    }
  }
  if (taken > 0) growth.finish(taken);
  return done.exit_code == 0 ? "other files came" : last_complaint(done.errors);
}

std::vector<fs::path> Apt::fetch(const std::vector<DebFile>& files) {
  for (const auto& file : files) {
    if (!is_file_name(file.name)) user_error("'{}' is not the name of a package file", file.name);
  }
  fs::create_directories(place_.downloads);
  std::string complaint;
  auto wanted = missing(files);
  // With the lists in use; with our own from before, if there are; with fresh ones.
  for (int attempt = 0; attempt < 3 && !wanted.empty(); ++attempt) {
    if (attempt == 1 && (uses_own_lists_ || !has_own_lists())) continue;
    if (attempt == 1) uses_own_lists_ = true;
    if (attempt == 2) update();
    complaint = download(wanted);
    wanted = missing(files);
  }
  if (!wanted.empty()) {
    const DebFile& file = wanted.front();
    machine_error(
        "package '{}' {} ({}) cannot be fetched: {}; put '{}' into '{}', or delete it from '{}' to "
        "take what is offered now",
        file.package, file.version, human_bytes(static_cast<double>(file.bytes)), complaint,
        file.name, place_.downloads.string(), place_.lock.string());
  }
  std::vector<fs::path> out;
  for (const auto& file : files)
    out.push_back(find_local(place_, remote(file)));
  return out;
}

fs::path unpacked_catalogs(const CorpusPlace& place, const fs::path& deb, const DebFile& file,
                           const std::string& language) {
  const fs::path folder = place.downloads / "unpacked" /
                          fmt::format("{}-{}.{}", file.name, file.sha256.substr(0, 16), language);
  make_once(folder, folder, folder.string() + ".lock", [&](const fs::path& fresh) {
    // Through a pipe, because a package may hold a hundred times more than its catalogs.
    const TempFolder whole(fresh.parent_path());
    const Finished done =
        run_program({"env", "LC_ALL=C", "sh", "-c",
                     "dpkg-deb --fsys-tarfile \"$1\" | tar --extract --directory \"$2\" "
                     "--no-same-owner --wildcards \"*/$3/LC_MESSAGES/*.mo\"",
                     "sh", deb.string(), whole.path().string(), language});
    const bool has_none = done.errors.find("Not found in archive") != std::string::npos;
    if (done.exit_code != 0 && !has_none) {
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
