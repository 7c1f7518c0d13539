// Copies rather than hard links: some linkers and `cp` write into the file that is there.
#include "results/runs/programs.h"

#include "engine/base/devices.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/own_program.h"
#include "results/runs/attempts.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace xp {
namespace {

fs::path folder_of(const Workspace& workspace) {
  return workspace.root / "programs";
}

fs::path lock_of(const fs::path& folder) {
  return folder.string() + ".lock";
}

// A file to be kept: where its bytes are, and its name below programs/ID.
struct Kept {
  fs::path from, name;
  std::string sha256;
};

// The bytes of a program whose file a build has replaced are still those of the running process.
fs::path bytes_of(const fs::path& program) {
  return program == own_program() ? fs::path("/proc/self/exe") : program;
}

Kept kept(const fs::path& from, const fs::path& name) {
  Kept out{from, name, program_sha256(from)};
  if (out.sha256.empty()) user_error("the program '{}' cannot be read", from.string());
  return out;
}

std::vector<Kept> files_of(const Programs& originals) {
  const fs::path bin = "bin";
  std::vector<Kept> out = {kept(bytes_of(originals.xp), bin / originals.xp.filename()),
                           kept(originals.engine, bin / originals.engine.filename())};
  const auto add_if_there = [&](const fs::path& from, const fs::path& name) {
    std::error_code code;
    if (fs::is_regular_file(from, code)) out.push_back(kept(from, bin / name));
  };
  const fs::path beside = originals.xp.parent_path();
  const fs::path components = beside / "components.json";
  std::error_code code;
  add_if_there(
      fs::exists(components, code) ? components : beside.parent_path() / "share/xp/components.json",
      "components.json");
  add_if_there(originals.engine.string() + ".diff", originals.engine.filename().string() + ".diff");
  const fs::path module = accelerator_module(originals.engine, "cuda");
  add_if_there(module, module.filename());
  for (size_t i = 0; i < originals.plugins.size(); ++i) {
    const fs::path& plugin = originals.plugins[i];
    out.push_back(kept(plugin, fs::path("plugins") / std::to_string(i) / plugin.filename()));
  }
  return out;
}

void copy_file(const Kept& file, const fs::path& folder) {
  const fs::path to = folder / file.name;
  fs::create_directories(to.parent_path());
  const std::string bytes = read_file(file.from);
  if (sha256(bytes) != file.sha256)
    user_error("'{}' is being built; run this again when the build is finished",
               file.from.string());
  write_atomic(to, bytes);
  struct stat about {};
  if (::stat(file.from.c_str(), &about) == 0) ::chmod(to.c_str(), about.st_mode & 0777);
}

std::string id_of(const std::vector<Kept>& files) {
  Value list = Value::array();
  for (const auto& file : files)
    list.push_back({file.name.string(), file.sha256});
  return content_id(list);
}

void copy_all(const std::vector<Kept>& files, const fs::path& library, const fs::path& folder) {
  make_folder_atomic(folder, [&](const fs::path& fresh) {
    for (const auto& file : files)
      copy_file(file, fresh);
    std::error_code code;
    if (fs::is_directory(library, code))
      fs::create_directory_symlink(fs::canonical(library), fresh / "lib");
  });
}

}  // namespace

KeptPrograms keep_programs(const Workspace& workspace, const Programs& originals) {
  const auto files = files_of(originals);
  const fs::path folder = fs::absolute(folder_of(workspace) / id_of(files));
  KeptPrograms out;
  out.use.emplace(FileLock::share(lock_of(folder)));
  std::error_code code;
  if (!fs::exists(folder, code))
    copy_all(files, originals.engine.parent_path().parent_path() / "lib", folder);
  out.programs.xp = folder / files[0].name;
  out.programs.engine = folder / files[1].name;
  if (::access(out.programs.xp.c_str(), X_OK) != 0) return {originals, std::move(out.use)};
  for (const auto& file : files) {
    if (*file.name.begin() == "plugins") out.programs.plugins.push_back(folder / file.name);
  }
  return out;
}

std::string program_sha256(const fs::path& file) {
  using Stamp = std::array<int64_t, 5>;
  struct Known {
    Stamp stamp{};
    std::string sha256;
  };
  static std::map<fs::path, Known> known;
  static std::mutex busy;
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) return "";
  const Stamp stamp = {static_cast<int64_t>(about.st_dev), static_cast<int64_t>(about.st_ino),
                       static_cast<int64_t>(about.st_size), about.st_mtim.tv_sec,
                       about.st_mtim.tv_nsec};
  const std::lock_guard lock(busy);
  Known& here = known[file];
  if (here.stamp == stamp) return here.sha256;
  try {
    here = {stamp, sha256_file(file)};
  } catch (const Error&) {
    here = {};
  }
  return here.sha256;
}

std::vector<fs::path> unused_programs(const Workspace& workspace) {
  std::vector<std::string> lists;
  for (const auto& job : open_jobs(workspace)) {
    if (auto list = read_if_there(work_file(job_folder(workspace, job.name))))
      lists.push_back(*std::move(list));
  }
  std::vector<fs::path> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_of(workspace), none)) {
    const fs::path& folder = entry.path();
    const std::string name = folder.filename().string();
    if (name.starts_with('.') || !entry.is_directory(none)) continue;
    const bool is_listed = std::any_of(lists.begin(), lists.end(), [&](const std::string& list) {
      return list.find("/programs/" + name + "/") != std::string::npos;
    });
    if (!is_listed && !FileLock::is_held(lock_of(folder))) out.push_back(folder);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool remove_programs(const fs::path& folder) {
  const auto alone = FileLock::attempt(lock_of(folder));
  if (!alone) return false;
  std::error_code code;
  fs::remove_all(folder, code);
  if (code) machine_error("'{}' cannot be removed: {}", folder.string(), code.message());
  fs::remove(lock_of(folder), code);
  return true;
}

}  // namespace xp
