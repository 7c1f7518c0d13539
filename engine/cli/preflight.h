// Whether this machine has room for a plan: disk for its checkpoints, memory for its ranks.
#pragma once

#include "engine/plan/plan.h"

#include <string>
#include <vector>

namespace xp {

/// What may not fit, one sentence each.
std::vector<std::string> machine_notes(const Plan& plan, const Workspace& workspace);

/// What is missing where not even one training's checkpoints fit on the disk, or "".
std::string missing_space(const Plan& plan, const Workspace& workspace);

}  // namespace xp
