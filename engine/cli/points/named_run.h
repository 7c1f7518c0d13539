// The one run that a command is about.
#pragma once

#include "engine/cli/points/run_folder.h"
#include "engine/cli/points/selection.h"

#include <string>

namespace xp {

struct NamedRun : RunName {
  std::string name;  ///< of the point, "" if no experiment has it any more
  std::string experiment;
  fs::path folder;
  const Point* point = nullptr;  ///< if an experiment file was given
  Standing standing;
};

/// Nothing if the experiment file has mistakes. A run that left its experiment is found by its id.
/// `open` must outlive the result. Raises a usage error unless exactly one run matches.
std::optional<NamedRun> named_run(const PointOptions& options, std::optional<OpenPoints>& open);

/// The run that one selector names (an id, `last`, 3, ...) in the whole workspace, with its spec.
/// Raises a usage error unless it is exactly one that was started.
RunFolder named_folder(const WorkspaceOptions& options, const std::string& selector);

/// The evaluation that one selector names: the run itself or, if that is a training, its newest
/// evaluation that was started and that an experiment of the workspace has. Raises a usage error.
RunFolder named_evaluation(const WorkspaceOptions& options, const std::string& selector);

/// The scheduler's job that ran the last attempt, or that the run waits in.
std::optional<JobRecord> job_of_run(const Workspace& workspace, const NamedRun& run);

/// The log of the rank that failed first, else of rank 0.
fs::path log_that_matters(const fs::path& attempt_folder);

}  // namespace xp
