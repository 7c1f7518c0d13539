// Folding run folders into the index: what changed since the last time is read again.
#pragma once

#include "results/runs/workspace.h"

#include <memory>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace xp {

/// What `fold_in` changed.
struct FoldResult {
  int64_t taken = 0;                  ///< runs and plans that were read
  int64_t dropped = 0;                ///< those whose folders are gone or run again
  std::vector<std::string> problems;  ///< folders that could not be read, one sentence each
};

/// See Store::fold_in. `path` is the file of `database`, which is opened again if a rebuild
/// replaced it, or ":memory:". Raises kMachine.
FoldResult fold_in(std::unique_ptr<SQLite::Database>& database, const fs::path& path,
                   const Workspace& workspace);

}  // namespace xp
