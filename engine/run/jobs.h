// Runs in a scheduler's queue: put there once, looked after by whichever xp comes along, worked
// through by `xp work` on the first node of the job.
//
//   jobs/NAME/job.json    what is known of the job (results/runs/attempts.h)
//   jobs/NAME/work.json   its runs; jobs/NAME/script.sh and output.log
//   jobs/mark             makes the names of jobs differ from those of other workspaces
//
// No process needs to live while jobs wait or run. All that change jobs take turns (jobs/lock).
#pragma once

#include "engine/run/executor.h"
#include "engine/run/work.h"

#include <set>
#include <string>
#include <vector>

namespace xp {

struct SubmitSettings {
  Workspace workspace;
  std::string experiment;                                   ///< by name, for the records
  fs::path program;                                         ///< this xp, run on the nodes
  std::vector<std::string> command_line;                    ///< for provenance
  std::function<Wish()> wish = [] { return Wish::kGoOn; };  ///< asked before each call
};

/// What keeps the first job of this work from being accepted (BatchQueue::problem), or "". Starts
/// nothing.
std::string queue_problem(const std::vector<Work>& work, const SubmitSettings& settings);

/// Puts work into jobs: a training with its evaluations each, or as many of these as the launcher
/// packs; many jobs of one shape in one call where the queue takes many. Runs that are held or have
/// an open job are left alone. How many jobs. Raises kUser
/// where the scheduler refuses a job, kMachine where it cannot be reached (what it took all the
/// same is found by settle); what was submitted before stays.
size_t submit(const std::vector<Work>& work, const SubmitSettings& settings);

/// The list without some of its work, the links to trainings kept right.
std::vector<Work> without(const std::vector<Work>& work,
                          const std::function<bool(const Work&)>& is_over);

/// The work that is neither done nor failed, nor waits for a training that failed.
std::vector<Work> still_open(const std::vector<Work>& work);

/// One change that `settle` found, for a person.
struct JobNews {
  std::string job, text;  ///< "running on node0, node1", "ended: NODE_FAIL NodeDown"
};

/// Asks the schedulers once about all open jobs and takes in what happened: records are brought up
/// to date, and runs of jobs that ended learn how. A scheduler that does not answer says nothing.
/// Cost: one stat where no job is open.
std::vector<JobNews> settle(const Workspace& workspace);

/// Whether any of this work has a job that has not ended, as far as is known.
bool has_jobs(const Workspace& workspace, const std::vector<Work>& work);

/// Ends the jobs of these runs, if all that is left of a job is among them; how many. The runs
/// themselves are asked with ask_cancel.
size_t cancel_jobs(const Workspace& workspace, const std::set<fs::path>& run_folders);

/// The process on a job's first node: does the job's work, with the scheduler's signals turned into
/// `wish` and what an end means by the caller. Runs that are to be tried on other nodes are
/// submitted again. Raises kMachine where the job's folder is damaged.
Execution work_through(const fs::path& job_folder, const fs::path& program,
                       const std::function<Wish()>& wish,
                       const std::function<Outcome()>& end_meaning);

/// Inside the job: asks the scheduler to start it again later, as its time is up. Where it refuses,
/// the next xp that looks submits what is left.
void requeue(const fs::path& job_folder);

}  // namespace xp
