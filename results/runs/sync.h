// Run folders that came from another machine, taken into a workspace.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// What `sync_from` did.
struct SyncResult {
  int64_t taken = 0, known = 0;       ///< runs and plans copied; those that were here already
  std::vector<std::string> problems;  ///< folders left alone, one sentence each
};

/// Copies every finished training and evaluation of `from`, a workspace or a copy of one, that is
/// not finished in `to`, and the plans that `to` lacks. Runs are known by their ids, so that
/// nothing is there twice however often it is copied. A folder that is still being copied or is
/// damaged is left alone, as is one that somebody works on in `to`. Checkpoints come along only
/// with `checkpoints`. Raises kUser if `from` has no run folders.
SyncResult sync_from(const fs::path& from, const Workspace& to, bool checkpoints);

}  // namespace xp
