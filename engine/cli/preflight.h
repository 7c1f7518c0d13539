// What is said before a plan is done: whether this machine has room for it (disk for its
// checkpoints, memory for its ranks), and what it does not do again.
#pragma once

#include "engine/plan/plan.h"
#include "engine/spec/plugins.h"

#include <string>
#include <vector>

namespace xp {

/// What may not fit, one sentence each.
std::vector<std::string> machine_notes(const Plan& plan, const Workspace& workspace);

/// What is missing where not even one training's checkpoints fit on the disk, or "".
std::string missing_space(const Plan& plan, const Workspace& workspace);

/// A sentence for each plug-in that finished trainings used another build of: that changes no id.
/// Cost: reads the spec of every finished training, where there are plug-ins.
std::vector<std::string> plugin_notes(const Plan& plan, const std::vector<Plugin>& plugins,
                                      const Workspace& workspace);

}  // namespace xp
