// What became of jobs in a scheduler's queue, and of the runs they had; see engine/run/jobs.h.
#pragma once

#include "engine/base/file.h"
#include "registry/launcher.h"
#include "results/runs/attempts.h"

#include <string>

namespace xp {

/// The right to change the jobs of a workspace; waits for it.
FileLock jobs_turn(const Workspace& workspace);

/// Inside a job: it runs, here. Attempts that an earlier start of the job left without an end, or
/// stopped, learn what happened: a node died, or the scheduler wanted the place.
void note_start(const Workspace& workspace, const std::string& job, const Allocation& place);
/// Inside a job: it will do no more for its runs, whatever became of them.
void note_end(const Workspace& workspace, const std::string& job);

/// What an ended job means for a run of it that nobody works on: how its last attempt ended, as far
/// as the scheduler knows more than the folder, and what comes next (settle_attempt). A run that
/// the job never came to waits again, unless the job was cancelled or could not start.
void settle_run(const Workspace& workspace, const fs::path& run, const JobRecord& job,
                const BatchState& state);

}  // namespace xp
