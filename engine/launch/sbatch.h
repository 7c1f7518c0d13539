// What is given to sbatch for a job: its options and its script.
#pragma once

#include "registry/launcher.h"
#include "registry/settings.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// [launch.slurm]. None of it changes what a run computes.
struct SlurmSettings {
  std::string partition = {}, account = {}, qos = {}, time = "12:00:00", gres = {};
  std::vector<std::string> extra = {};
  std::optional<int64_t> cpus_per_rank = {};
  int64_t retries = 2, pack = 0;
  bool exclusive = false;

  void describe(auto& field) {
    field("partition", partition, "where jobs wait; empty = the cluster's default");
    field("account", account, "whose share they use; empty = your default");
    field("qos", qos, "quality of service; empty = the account's default");
    field("extra", extra,
          "further #SBATCH lines, \"--mem=64G\"; not --array, --clusters, --test-only, --wait and "
          "--wrap",
          matching("--(?!array|clusters|test-only|wait|wrap)[a-z].*",
                   "a long option of sbatch, as \"--mem=64G\"; --array, --clusters, --test-only, "
                   "--wait and --wrap would change what a job is"));
    field("time", time, "limit of a job; one that reaches it saves and resumes in the next",
          matching("[0-9]+(:[0-5]?[0-9]){0,2}|[0-9]+-[0-9]+(:[0-5]?[0-9]){0,2}",
                   "as sbatch takes it: \"12:00:00\", \"2-12\" (days-hours) or \"90\" (minutes)"));
    field("cpus_per_rank", cpus_per_rank, "processors of each rank; default threads_per_rank",
          at_least(1, "processors"));
    field("gres", gres, "what each node must have, \"gpu:8\"");
    field("exclusive", exclusive,
          "whole nodes, so that no other job disturbs the speed; waits longer in the queue");
    field("retries", retries,
          "failures of the machine a run may have; preemptions and time limits do not count",
          at_least(0));
    field("pack", pack, "runs of one node that share a job; 0 = each has its own",
          between(0, 10000, "runs"));
  }

  /// Of [launch], where these settings are the table `slurm`.
  static std::vector<Rule> rules();
};

/// The folder of a job; of an array, that of its element `number`.
std::filesystem::path job_folder(const BatchJob& job, const std::string& number);
/// The file that holds its script: in the folder of the job, or of element 0.
std::filesystem::path job_script(const BatchJob& job);

/// The words of `sbatch` for a job, without the script. `shape_only`: what decides whether a job
/// of this kind is accepted, without names and places.
std::vector<std::string> sbatch_command(const SlurmSettings& settings, const BatchJob& job,
                                        bool shape_only);

/// The job's script: the extra lines, then `job.command` in place of the shell, in `folder`. An
/// element of an array puts its number behind the job's folder.
std::string sbatch_script(const SlurmSettings& settings, const BatchJob& job,
                          const std::filesystem::path& folder);

}  // namespace xp
