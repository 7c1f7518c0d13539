// How a run stands now: what its folder says, whether somebody works on it, which job has it.
#pragma once

#include "results/runs/attempts.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace xp {

enum class RunState {
  kNew,
  kQueued,    ///< a job has it that is being submitted or waits
  kStarting,  ///< its job runs and has not come to it yet
  kRunning,   ///< somebody holds its lease
  kSilent,    ///< the same, but its last heartbeat is older than kSilentAfter_s
  kStopped,   ///< begun and not ended, and nobody works on it: resumes with the next `xp run`
  kDone,
  kFailed,
  kNoCheckpoint,  ///< a training that is done, whose checkpoint an evaluation needs and is gone
};

inline constexpr std::array<std::string_view, 9> kRunStateNames = {
    "new", "queued", "starting", "running", "silent", "stopped", "done", "failed", "no-checkpoint"};

constexpr std::string_view state_name(RunState state) {
  return kRunStateNames[static_cast<size_t>(state)];
}

/// Whether somebody works on it or a queue has it.
constexpr bool is_live(RunState state) {
  return state == RunState::kQueued || state == RunState::kStarting ||
         state == RunState::kRunning || state == RunState::kSilent;
}

/// The jobs of a workspace that have not ended, read once.
class OpenJobs {
 public:
  OpenJobs() = default;
  explicit OpenJobs(const Workspace& workspace) : jobs_(open_jobs(workspace)) {}
  const std::vector<JobRecord>& all() const { return jobs_; }
  /// The job that a run waits in or runs under; null if there is none. Valid while this lives.
  const JobRecord* of(const fs::path& run_folder) const;

 private:
  std::vector<JobRecord> jobs_;  ///< by name
};

struct Standing {
  RunState state = RunState::kNew;
  Status status;                      ///< as it is written
  std::optional<JobRecord> job;       ///< the open job that has it, without that job's list of runs
  std::optional<AttemptEnd> end;      ///< of its last attempt, if it failed or stopped
  std::optional<double> heartbeat_s;  ///< seconds since the last sign of life, if it runs
  bool is_cancelled = false;          ///< somebody asked for its end, or that it does not begin

  /// How the last attempt ended if that says why the run stopped or failed: "memory"; else "".
  std::string class_name() const;
  /// Why it is in this state, in a few words: "job 4711: Resources"; "" if there is nothing to
  /// say.
  std::string cause() const;
};

/// Reads the folder, which may be missing. Raises kMachine if its status is damaged. Cost: one
/// small file if the run is done, a few if it is not.
Standing standing_of(const fs::path& run_folder, const OpenJobs& jobs);

}  // namespace xp
