// The one run that `logs` and `why` are about.
#pragma once

#include "engine/cli/points/selection.h"

#include <string>

namespace xp {

struct NamedRun {
  std::string kind, id;  ///< "training" or "evaluation"
  std::string name;      ///< of the point, "" where no experiment has it any more
  std::string experiment;
  fs::path folder;
  const Point* point = nullptr;  ///< where an experiment file was given
  Standing standing;

  std::string title() const { return kind + " " + id; }
};

/// Nothing where the experiment file has mistakes. A run that left its experiment is found by its
/// id. `open` must outlive what comes back. Raises a usage error where there is not exactly one.
std::optional<NamedRun> named_run(const Options& options, std::optional<OpenPoints>& open);

/// The job that did an attempt or has the run in its queue; nothing where none is known.
std::optional<JobRecord> job_of_run(const Workspace& workspace, const NamedRun& run);

/// The log of an attempt that matters: of the rank that failed first, else of rank 0.
fs::path log_that_matters(const fs::path& attempt_folder);

}  // namespace xp
