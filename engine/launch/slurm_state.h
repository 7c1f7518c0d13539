// Parsing Slurm's listings and messages.
//
// Runs nothing. Whatever is not understood means "not ended": a job is over only if Slurm says
// so in a word that is known.
#pragma once

#include "registry/launcher.h"

#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A job as squeue, scontrol or sacct shows it; what it does not show is empty.
struct SlurmJob {
  std::string id;  ///< "21", "21_3" for an element of an array, "21_[4-7%2]" for those that wait
  std::string name;
  std::string state;   ///< the first word, without a trailing +: "RUNNING", "CANCELLED"
  std::string reason;  ///< free text
  std::vector<std::string> hosts;
  std::string exit;  ///< "code:signal"
  int64_t restarts = 0;
};

/// Fields of `squeue -o` and `sacct -o`, so that whatever a name or a reason holds comes last.
inline constexpr const char* kQueueFields = "%i|%T|%N|%j|%r";
inline constexpr const char* kAccountingFields = "JobID,State,ExitCode,NodeList,JobName";

/// Lines that are no jobs (headings, warnings) are left out.
std::vector<SlurmJob> parse_squeue(std::string_view text);    ///< of `squeue -h -o kQueueFields`
std::vector<SlurmJob> parse_scontrol(std::string_view text);  ///< of `scontrol show job -o`
/// Of `sacct -X -n -P -o kAccountingFields`. Steps are left out; of a job that ran more than once
/// the last line counts.
std::vector<SlurmJob> parse_sacct(std::string_view text);

/// Whether a line with the id `listed` speaks of job `id`: it is that, or "21_[2-3%2]" for 21_2.
bool is_about(std::string_view listed, std::string_view id);

/// "node[0-1,03],login" -> node0, node1, node03, login. What is no such list comes back whole.
std::vector<std::string> expand_hosts(std::string_view list);

/// Whether a job that waits for this reason waits for ever unless somebody does something.
bool is_stuck_reason(std::string_view reason);

/// A job of Slurm as a state of ours. `outcome` is that of the job from outside: its own records
/// may know more.
BatchState state_of(const SlurmJob& job);

/// Slurm's complaint without its prefixes: "sbatch: error: Invalid qos" -> "Invalid qos"; several
/// lines joined by "; ".
std::string slurm_message(std::string_view errors);

/// Whether the complaint is about reaching Slurm, so that it says nothing about what was asked.
bool is_unreachable(std::string_view message);

}  // namespace xp
