// Queries about Slurm's jobs: squeue, scontrol and sacct.
#pragma once

#include "engine/base/process.h"
#include "engine/launch/slurm_state.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// squeue's listing of this user's jobs that are known to the controller, those that ended lately
/// included; only those called `name` unless that is empty.
Finished ask_queue(const std::string& name);

/// sacct's listing of the last 30 days for a `selection`: "--jobs=1,2", "--name=a,b".
Finished ask_accounting(const std::string& selection);

/// Why a command gave no answer: it is not installed, or its error message.
std::string no_answer(std::string_view command, const Finished& answer);
/// The state of a job about which a command gave no answer.
BatchState unanswered_state(std::string_view command, const Finished& answer);

/// The job called `name` among those listed, with that number unless `id` is empty; null if it is
/// not listed. "xp-a_3" is element 3 of an array that is listed as "xp-a", or a job of that name.
/// Of several, one that has not ended. Slurm reuses job ids; our job names are unique.
const SlurmJob* find_job(const std::vector<SlurmJob>& jobs, const std::string& name,
                         const std::string& id);

/// The name that Slurm has for a job: that of the array for an element of one.
std::string listed_name(const std::string& name);

/// The number of job `name`, which is listed as `listed`: "21_3" of "21_[2-5]".
std::string own_id(std::string_view listed, const std::string& name);

/// Asks accounting about jobs (name -> number) that the controller does not know, in one call by
/// number and one by name, and adds what is known to `states`.
void look_up_absent(const std::map<std::string, std::string>& jobs,
                    std::map<std::string, BatchState>& states);

}  // namespace xp
