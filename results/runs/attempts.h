// What is known of one attempt at a run, and of the scheduler's job that does it.
//
//   RUN/attempts/K/launcher.json   who started the ranks, where (AttemptStart)
//   RUN/attempts/K/heartbeat       written every few seconds by whoever watches over the ranks
//   RUN/attempts/K/asked           why it was asked to end: an outcome
//   RUN/attempts/K/end.json        how it ended; absent while it runs and if nobody saw the end
//   RUN/retry                      the first attempt that counts against retries
//   RUN/job                        the name of the job that has the run in its queue
//   jobs/open/NAME                 empty; there while the job has not ended
//   jobs/NAME/job.json             a job of a scheduler's queue (JobRecord); work.json, script.sh
//                                  and output.log beside it
#pragma once

#include "registry/outcome.h"
#include "results/runs/workspace.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// RUN/attempts/K.
fs::path attempt_folder(const fs::path& run_folder, int64_t number);

struct AttemptStart {
  std::string launcher;            ///< "local", "slurm"
  std::string job;                 ///< the scheduler's number, "" if there is none
  std::vector<std::string> hosts;  ///< in the order of the nodes
  std::string interface, rendezvous;
  int64_t nodes = 1, ranks_per_node = 1, threads_per_rank = 1;
  int64_t shared_with = 0;  ///< other runs that may have run on the machine meanwhile
  std::vector<std::string> command;
  double started_s = 0;  ///< seconds since 1970; 0: `write_start` takes the time
};
void write_start(const fs::path& attempt_folder, const AttemptStart& start);
/// Nothing if there is no record or it cannot be read.
std::optional<AttemptStart> read_start(const fs::path& attempt_folder);

struct AttemptEnd {
  Outcome outcome = Outcome::kDone;
  double ended_s = 0;
  int64_t rank = -1;              ///< the first that failed
  int exit_code = 0;              ///< of that rank; 128 + signal if a signal ended it
  std::string host;               ///< where that rank was
  std::string cause;              ///< one sentence; "" if all is well
  int64_t peak_memory_bytes = 0;  ///< of the rank that used most; 0 = not known
  double cpu_seconds = 0;         ///< of all ranks; 0 = not known
  /// Share of a machine's processors that other programs kept busy, of the machine with most;
  /// below 0: not known.
  double other_load = -1;
  double energy_j = 0;                ///< of all its machines while it ran; 0 = not known
  std::string job_state, job_reason;  ///< the scheduler's words, if it had any
};
/// Waits for the disk if all is not well: status.json says only that a run is done.
void write_end(const fs::path& attempt_folder, const AttemptEnd& end);
std::optional<AttemptEnd> read_end(const fs::path& attempt_folder);

/// Says that the attempt was asked to end, and why: it may be killed before it has written an end.
void write_end_request(const fs::path& attempt_folder, Outcome meaning);
std::optional<Outcome> read_end_request(const fs::path& attempt_folder);

/// Failures that count against a run's retries: ends that may_retry() of the attempts since
/// `reset_retries`.
int64_t counted_failures(const fs::path& run_folder);
/// Forgets the failures so far: somebody asked to try again. Kept in RUN/retry, the number of the
/// first attempt that counts.
void reset_retries(const fs::path& run_folder);

/// Says that the attempt is alive. Cost: one small write, not flushed.
void write_heartbeat(const fs::path& attempt_folder);
/// Seconds since the last beat, or since the start if there was none yet; nothing before that.
std::optional<double> heartbeat_age_s(const fs::path& attempt_folder);
/// An attempt whose last beat is older than this is not slow but silent.
inline constexpr double kSilentAfter_s = 60;

enum class JobPhase { kSubmitting, kQueued, kRunning, kEnded };
inline constexpr std::array<std::string_view, 4> kJobPhaseNames = {"submitting", "queued",
                                                                   "running", "ended"};
constexpr std::string_view phase_name(JobPhase phase) {
  return kJobPhaseNames[static_cast<size_t>(phase)];
}

/// A job of a scheduler's queue as this workspace knows it.
struct JobRecord {
  std::string name, launcher, experiment;
  std::string id;  ///< the scheduler's number; "" while it is being submitted
  JobPhase phase = JobPhase::kSubmitting;
  std::string state, reason;  ///< the scheduler's words
  bool is_stuck = false;      ///< will not start by itself
  std::vector<std::string> hosts;
  double submitted_s = 0, seen_s = 0;  ///< `seen_s`: when the scheduler last answered about it
  std::vector<fs::path> runs;          ///< run folders, relative to the workspace
};
fs::path job_folder(const Workspace& workspace, const std::string& name);
/// JOB/work.json, its list of runs.
fs::path work_file(const fs::path& job_folder);
void write_job(const Workspace& workspace, const JobRecord& job);
std::optional<JobRecord> read_job(const Workspace& workspace, const std::string& name);
/// All jobs that have not ended, by name.
std::vector<JobRecord> open_jobs(const Workspace& workspace);

/// The job a run waits in or runs under, "" if none. `set_job_of` with "" forgets it.
std::string job_of(const fs::path& run_folder);
void set_job_of(const fs::path& run_folder, const std::string& name);

}  // namespace xp
