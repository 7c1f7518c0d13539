// Stamps of files, and the lists of both sides side by side.
#include "results/store/changes.h"

#include "engine/base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <future>
#include <iterator>
#include <memory>
#include <sys/stat.h>

namespace xp {
namespace {

// Time, size and inode: status.json is replaced by renaming, so a new one has a new inode even
// within one tick of the clock. "" if there is no such file in `folder`, a descriptor.
std::string stamp_of(int folder, const std::string& file) {
  struct stat about {};
  if (::fstatat(folder, file.c_str(), &about, 0) != 0) return "";
  return fmt::format("{}.{:09}:{}:{}", about.st_mtim.tv_sec, about.st_mtim.tv_nsec, about.st_size,
                     about.st_ino);
}

// The names in a folder, and a descriptor of it. With plain calls, since this is all the work there
// if nothing changed: 10,000 runs take half the time that std::filesystem needs.
template <class Entry>
void list(const fs::path& parent, Entry&& entry) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(parent.c_str()), &::closedir);
  // A folder that cannot be listed is not empty: do not drop its runs.
  if (!open && errno != ENOENT)
    machine_error("'{}' cannot be listed: {}", parent.string(), std::strerror(errno));
  if (!open) return;
  while (const dirent* found = ::readdir(open.get())) {
    if (found->d_name[0] != '.') entry(::dirfd(open.get()), found->d_name);  // or half made
  }
}

void sort(std::vector<Folder>& folders) {
  std::sort(folders.begin(), folders.end(),
            [](const Folder& a, const Folder& b) { return a.order() < b.order(); });
}

std::vector<Folder> scan(const fs::path& parent, FolderKind kind, const char* file) {
  std::vector<Folder> out;
  list(parent, [&](int folder, std::string name) {
    std::string stamp = stamp_of(folder, name + "/" + file);
    if (!stamp.empty()) out.push_back({kind, std::move(name), std::move(stamp)});
  });
  sort(out);
  return out;
}

std::vector<Folder> scan_sources(const Workspace& workspace) {
  std::vector<Folder> out;
  list(workspace.source("").parent_path(), [&](int, const std::string& name) {
    const fs::path file = name;
    if (file.extension() == ".diff") out.push_back({FolderKind::kSource, file.stem(), ""});
  });
  sort(out);
  return out;
}

// By kind and id. Half the time is the file system's, which serves two at once.
std::vector<Folder> scan(const Workspace& workspace) {
  auto trainings = std::async(std::launch::async, [&] {
    return scan(workspace.runs(RunKind::kTraining), FolderKind::kTraining, "status.json");
  });
  std::vector<Folder> out =
      scan(workspace.runs(RunKind::kEvaluation), FolderKind::kEvaluation, "status.json");
  for (Folder& folder : scan(workspace.experiments(), FolderKind::kExperiment, "plan.json"))
    out.push_back(std::move(folder));
  for (Folder& folder : scan_sources(workspace))
    out.push_back(std::move(folder));
  for (Folder& folder : trainings.get())
    out.push_back(std::move(folder));
  return out;
}

FolderKind stored_kind(std::string_view name) {
  for (const auto kind : {FolderKind::kEvaluation, FolderKind::kExperiment, FolderKind::kSource})
    if (name == folder_kind_name(kind)) return kind;
  return FolderKind::kTraining;
}

// The same as they were read, by kind and id.
std::vector<Folder> stored_folders(SQLite::Database& database) {
  std::vector<Folder> out;
  SQLite::Statement rows(database,
                         "SELECT kind, id, stamp FROM runs UNION ALL "
                         "SELECT 'experiment', name, stamp FROM experiments UNION ALL "
                         "SELECT 'source', sha256, '' FROM sources UNION ALL "
                         "SELECT kind, id, stamp FROM unfinished");
  while (rows.executeStep()) {
    out.push_back({stored_kind(rows.getColumn(0).getText()), rows.getColumn(1).getText(),
                   rows.getColumn(2).getText()});
  }
  sort(out);
  return out;
}

fs::path path_of(const Folder& folder, const Workspace& workspace) {
  switch (folder.kind) {
    case FolderKind::kEvaluation:
      return workspace.evaluation(folder.id);
    case FolderKind::kExperiment:
      return workspace.experiment(folder.id);
    case FolderKind::kSource:
      return workspace.source(folder.id);
    case FolderKind::kTraining:
      break;
  }
  return workspace.training(folder.id);
}

}  // namespace

std::string_view folder_kind_name(FolderKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"evaluation", "experiment", "source",
                                                      "training"};
  return kNames[static_cast<size_t>(kind)];
}

Changes changes_since(SQLite::Database& database, const Workspace& workspace) {
  auto listed = std::async(std::launch::async, [&] { return scan(workspace); });
  std::vector<Folder> stored = stored_folders(database), found = listed.get();
  Changes out;
  auto known = stored.begin();
  for (Folder& folder : found) {
    for (; known != stored.end() && known->order() < folder.order(); ++known)
      out.to_drop.push_back(std::move(*known));
    const bool same = known != stored.end() && known->order() == folder.order();
    const bool fresh = same && known->stamp == folder.stamp;
    if (same) ++known;
    if (fresh) continue;
    folder.path = path_of(folder, workspace);
    out.to_read.push_back(std::move(folder));
  }
  std::move(known, stored.end(), std::back_inserter(out.to_drop));
  return out;
}

}  // namespace xp
