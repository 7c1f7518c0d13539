// Checks before a plan is run: disk for checkpoints, memory for ranks, builds of plug-ins.
#pragma once

#include "engine/experiment/plugins.h"
#include "engine/plan/plan.h"

#include <string>
#include <vector>

namespace xp {

/// Warnings, one sentence each: the plan's notes; devices, disk or memory that this machine lacks;
/// plug-ins of which finished trainings used another build, which changes no id. Cost: with
/// plug-ins, reads the spec of every finished training.
std::vector<std::string> notes_of(const Plan& plan, const std::vector<Plugin>& plugins,
                                  const Workspace& workspace);

/// Points that are started or done, and how many of them another build of the engine worked on.
struct OtherBuilds {
  size_t points = 0, started = 0;
  /// "2 of 6 points that are done or started were computed by another build of xp-engine"; "" if
  /// none.
  std::string sentence() const;
};

/// Compares with the program `engine`, which need not exist. Cost: reads the provenance of each
/// training and evaluation that is started.
OtherBuilds other_builds(const Plan& plan, const Workspace& workspace, const fs::path& engine);

/// A sentence if not even the checkpoints of one training fit on the disk, else "".
std::string missing_space(const Plan& plan, const Workspace& workspace);

}  // namespace xp
