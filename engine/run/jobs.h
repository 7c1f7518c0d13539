// The jobs of a workspace in schedulers' queues, and what became of them and of their runs.
//
// No process needs to live while jobs wait or run: whichever xp comes along brings the records up
// to date. All that change jobs take turns (jobs/lock).
#pragma once

#include "engine/base/file.h"
#include "engine/run/work.h"
#include "registry/launcher.h"
#include "results/runs/attempts.h"

#include <set>
#include <string>
#include <vector>

namespace xp {

/// The right to change the jobs of a workspace; waits for it.
FileLock jobs_turn(const Workspace& workspace);

/// One change of a job, for a person.
struct JobNews {
  std::string job, text;  ///< "running on node0, node1", "ended: NODE_FAIL NodeDown"
};

/// Asks the schedulers once about all open jobs, brings their records up to date and gives runs of
/// jobs that ended the end that they had. A scheduler that does not answer changes nothing.
/// Cost: one stat if no job is open.
std::vector<JobNews> update_jobs(const Workspace& workspace);

/// Whether a run has a job that has not ended, as far as is known.
bool has_open_job(const Workspace& workspace, const Work& work);

/// Ends the jobs of these runs, if all that is left of a job is among them; how many. The runs
/// themselves are asked with ask_cancel.
size_t cancel_jobs(const Workspace& workspace, const std::set<fs::path>& run_folders);

/// The retries that a run's own settings allow; 0 if it has none yet, or they are damaged.
int64_t retries_of(const fs::path& run_folder);

}  // namespace xp
