// Maintenance of the database file: check, rebuild, vacuum.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// What is wrong with the index of `workspace`, one sentence each: damage that SQLite finds, runs
/// that differ from their folders. Empty if nothing is wrong. Raises kMachine if the index cannot
/// be opened.
std::vector<std::string> check_index(const Workspace& workspace);

/// What a rebuilt index holds.
struct Rebuilt {
  int64_t taken = 0;                  ///< runs and plans
  std::vector<std::string> problems;  ///< folders that could not be read
};

/// Builds the index from the run folders in memory and puts it in the place of the old one,
/// whatever state that is in. Who reads meanwhile sees the old rows or the new ones; who writes
/// waits. Killed, it leaves the old index, or none if that was damaged. Raises kMachine.
Rebuilt rebuild_index(const Workspace& workspace);

/// Returns unused space to the file system; the sizes before and after.
std::pair<uintmax_t, uintmax_t> vacuum_index(const Workspace& workspace);

}  // namespace xp
