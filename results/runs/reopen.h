// Finished trainings that have to be trained again, because a checkpoint of theirs is needed that
// `xp gc` freed or `xp sync` left out.
#pragma once

#include "results/runs/workspace.h"

#include <string>

namespace xp {

/// Whether a finished training has the checkpoint that an evaluation reads: "best", "last", or ""
/// if that is not known, when either will do. Raises kMachine if its status is damaged.
bool has_checkpoint(const fs::path& training, const std::string& which);

/// Unless the finished training has the checkpoint `which`: makes it an interrupted one, so that it
/// is trained again. Its status says "running", with the figures of before; checkpoints of later
/// updates are removed, since training would resume behind the one that is needed. Any other
/// training is left as it is. Waits for whoever holds the run's lease.
void reopen_training(const fs::path& training, const std::string& which);

}  // namespace xp
