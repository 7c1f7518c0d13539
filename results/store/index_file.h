// The database as a file: checking it, making it anew, making it small.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// What is wrong with the index of `workspace`, one sentence each: damage that SQLite finds, runs
/// that differ from their folders. Empty where all is well. Raises kMachine where it cannot be
/// opened.
std::vector<std::string> check_index(const Workspace& workspace);

/// What a new index holds.
struct Rebuilt {
  int64_t taken = 0;                  ///< runs and plans
  std::vector<std::string> problems;  ///< folders that could not be read
};

/// Makes the index anew from the folders beside the old one, whatever state that is in, and puts it
/// in its place in one step.
Rebuilt rebuild_index(const Workspace& workspace);

/// Gives back space that nothing uses any more; the bytes before and after.
std::pair<uintmax_t, uintmax_t> vacuum_index(const Workspace& workspace);

}  // namespace xp
