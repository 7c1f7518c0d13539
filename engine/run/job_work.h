// Inside a job of a scheduler: `xp work` on its first node works through the job's runs.
#pragma once

#include "engine/run/executor.h"

#include <functional>

namespace xp {

/// Does the work of the job whose folder is jobs/NAME: with the scheduler's signals turned into
/// `stop_request`, and what an end means by the caller. Runs that are to be tried on other nodes
/// are submitted again, with `program` as their xp. Raises kMachine if the job's folder is damaged.
Execution work_through(const fs::path& job_folder, const fs::path& program,
                       const std::function<StopRequest()>& stop_request,
                       const std::function<Outcome()>& end_meaning);

/// Asks the scheduler to start the job again later, as its time is up. If it refuses, the next xp
/// submits what is left.
void requeue(const fs::path& job_folder);

}  // namespace xp
