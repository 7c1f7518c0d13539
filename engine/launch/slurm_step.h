// Inside a job of Slurm: where it is, and ranks on several of its nodes.
//
// One srun starts the agent (engine/launch/node.h) once on each node; the agent starts that node's
// ranks and leaves a record of their ends. srun tells only that something ended, not what was
// first, so its words count only for nodes without a record.
#pragma once

#include "engine/launch/slurm.h"
#include "registry/launcher.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Where this process is, by the variables that Slurm sets on a node; nothing elsewhere.
/// `variable`: its value, "" if it is not set.
std::optional<Allocation> allocation_from(const std::function<std::string(const char*)>& variable);

/// The words of srun that run `agent` once on each of `hosts`.
std::vector<std::string> srun_command(const SlurmSettings& settings, const LaunchJob& job,
                                      const std::vector<std::string>& hosts,
                                      const std::vector<std::string>& agent);

/// How srun ended, and what it said until then.
struct StepEnd {
  int exit_code = 0;
  std::string message;
  bool was_stopped = false;  ///< somebody asked the ranks to save and end
  bool was_killed = false;   ///< by us, after something had failed
};

/// How the ranks on `hosts` ended: by the records of their nodes, else by what srun said.
LaunchEnd end_of_step(const LaunchJob& job, const std::vector<std::string>& hosts,
                      const StepEnd& step);

/// The ranks of a job that spans the first `job.nodes` hosts of an allocation. `program` is this
/// xp: its word `ranks FILE` is the agent. Raises kMachine if srun cannot be started.
std::unique_ptr<RunningJob> start_step(const SlurmSettings& settings, const LaunchJob& job,
                                       const Allocation& place, const std::string& program);

/// A job whose ranks all fit on this host of an allocation, as processes of it.
std::unique_ptr<RunningJob> start_on_host(const LaunchJob& job, const Allocation& place);

}  // namespace xp
