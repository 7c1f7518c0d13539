// Puts runs into a scheduler's queue, each once.
//
//   jobs/NAME/job.json    what is known of the job (results/runs/attempts.h)
//   jobs/NAME/work.json   its runs; jobs/NAME/script.sh and output.log
//   jobs/mark             makes the names of jobs differ from those of other workspaces
#pragma once

#include "engine/run/executor.h"
#include "engine/run/work.h"

#include <functional>
#include <string>
#include <vector>

namespace xp {

struct SubmitSettings {
  Workspace workspace;
  std::string experiment;                 ///< by name, for the records
  fs::path program;                       ///< this xp, run on the nodes
  std::vector<std::string> command_line;  ///< for provenance
  std::function<StopRequest()> stop_request = [] {
    return StopRequest::kNone;
  };  ///< asked before each call
};

/// What keeps the first job of this work from being accepted (BatchQueue::problem), or "". Starts
/// nothing.
std::string queue_problem(const std::vector<Work>& work, const SubmitSettings& settings);

/// Puts work into jobs: a training with its evaluations each, or as many of these as the launcher
/// packs; many jobs of one shape in one call if the queue takes many. Runs that a process holds, or
/// that have an open job, are left alone. Returns how many jobs. Raises kUser if the scheduler
/// refuses a job, kMachine if it cannot be reached (update_jobs finds what it took all the same);
/// what was submitted before stays.
size_t submit(const std::vector<Work>& work, const SubmitSettings& settings);

}  // namespace xp
