// Runs that left a sweep since its last run.
#pragma once

#include "engine/cli/points/experiment.h"

#include <string>
#include <vector>

namespace xp {

/// An unfinished run of the last recorded plan that neither the experiment nor any other experiment
/// of the workspace has any more.
struct RemovedRun {
  std::string name, id;
  fs::path folder;
  bool is_running = false;
};

std::vector<RemovedRun> removed_runs(const WorkspaceOptions& options, const Experiment& experiment);

/// Cancels them, and waits up to 10 s for those that are running; returns how many those were.
/// Finished runs stay. `record_plan` then replaces the plan.
size_t cancel_removed(const WorkspaceOptions& options, const std::vector<RemovedRun>& removed);

}  // namespace xp
