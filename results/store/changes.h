// Which run folders have changed since the store last read them.
#pragma once

#include "results/runs/workspace.h"
#include "results/store/database.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xp {

/// Kinds of what the store reads, in the order of their names.
enum class FolderKind { kEvaluation, kExperiment, kSource, kTraining };
std::string_view folder_kind_name(FolderKind kind);  ///< "evaluation", ...

/// What may have to be read: a run folder or an experiment's, and how its key file looks now; or a
/// file of sources.
struct Folder {
  FolderKind kind;
  std::string id;     ///< or name, or hash
  std::string stamp;  ///< of status.json or plan.json; of a source none, as it never changes
  fs::path path{};    ///< of those that are read

  auto order() const { return std::pair(kind, std::string_view(id)); }
};

struct Changes {
  std::vector<Folder> to_read, to_drop;
  bool empty() const { return to_read.empty() && to_drop.empty(); }
};

/// Compares `workspace` with what `database` remembers of it. Cost: one stat per folder.
Changes changes_since(SQLite::Database& database, const Workspace& workspace);

}  // namespace xp
