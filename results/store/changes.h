// Which run folders have changed since the store last read them.
#pragma once

#include "results/runs/workspace.h"
#include "results/store/database.h"

#include <string>
#include <utility>
#include <vector>

namespace xp {

/// What may have to be read: a run folder or an experiment's, and how its key file looks now; or a
/// file of sources.
struct Folder {
  const char* kind = "";  ///< "training", "evaluation", "experiment", "source"
  std::string id;         ///< or name, or hash
  std::string stamp;      ///< of status.json or plan.json; of a source none, as it never changes
  fs::path path{};        ///< of those that are read

  auto order() const { return std::pair(std::string_view(kind), std::string_view(id)); }
  bool is_experiment() const { return std::string_view(kind) == "experiment"; }
  bool is_source() const { return std::string_view(kind) == "source"; }
  bool is_evaluation() const { return std::string_view(kind) == "evaluation"; }
};

struct Changes {
  std::vector<Folder> to_read, to_drop;
  bool empty() const { return to_read.empty() && to_drop.empty(); }
};

/// Compares `workspace` with what `database` remembers of it. Cost: one stat per folder.
Changes changes_since(SQLite::Database& database, const Workspace& workspace);

}  // namespace xp
