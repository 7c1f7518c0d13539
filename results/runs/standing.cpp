// One rule for status, watch and plan: done, held, queued, failed, starting, stopped, new.
#include "results/runs/standing.h"

#include "engine/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

// A job that failed does not hold what is queued again; one that runs may have other runs left.
RunState state_of(const Standing& found, const fs::path& run_folder) {
  const State written = found.status.state;
  const bool has_job = found.job.has_value();
  if (written == State::kDone) return RunState::kDone;
  if (written == State::kRunning && is_held(run_folder)) return RunState::kRunning;
  if (has_job && found.job->phase != JobPhase::kRunning) return RunState::kQueued;
  if (written == State::kFailed) return RunState::kFailed;
  if (has_job) return RunState::kStarting;
  return written == State::kRunning ? RunState::kStopped : RunState::kNew;
}

std::string queued_cause(const JobRecord& job) {
  if (job.id.empty()) return "being submitted";
  std::string out = "job " + job.id;
  const std::string& words = job.reason.empty() || job.reason == "None" ? job.state : job.reason;
  if (!words.empty()) out += ": " + words;
  if (job.is_stuck) out += "; it will not start by itself";
  return out;
}

}  // namespace

const JobRecord* OpenJobs::of(const fs::path& run_folder) const {
  if (jobs_.empty()) return nullptr;
  const std::string name = job_of(run_folder);
  if (name.empty()) return nullptr;
  const auto found = std::lower_bound(
      jobs_.begin(), jobs_.end(), name,
      [](const JobRecord& job, const std::string& wanted) { return job.name < wanted; });
  return found == jobs_.end() || found->name != name ? nullptr : &*found;
}

Standing standing_of(const fs::path& run_folder, const OpenJobs& jobs) {
  Standing out;
  out.status = read_status(run_folder);
  if (out.status.state == State::kDone) {
    out.state = RunState::kDone;
    return out;
  }
  if (const JobRecord* job = jobs.of(run_folder)) {
    out.job = *job;
    out.job->runs.clear();
  }
  out.state = state_of(out, run_folder);
  out.is_cancelled = is_cancel_asked(run_folder);
  const fs::path attempt = attempt_folder(run_folder, out.status.attempt);
  if (out.state == RunState::kRunning) {
    out.heartbeat_s = heartbeat_age_s(attempt);
    if (out.heartbeat_s.value_or(0) > kSilentAfter_s) out.state = RunState::kSilent;
  }
  const bool ended = out.status.state != State::kNew && out.state != RunState::kRunning &&
                     out.state != RunState::kSilent;
  if (ended) out.end = read_end(attempt);
  return out;
}

std::string Standing::class_name() const {
  const bool matters = state == RunState::kFailed || state == RunState::kStopped;
  if (!matters || !end || end->outcome == Outcome::kDone) return "";
  return std::string(outcome_name(end->outcome));
}

std::string Standing::cause() const {
  switch (state) {
    case RunState::kQueued:
      return queued_cause(*job);
    case RunState::kStarting:
      return job->id.empty() ? "its job runs" : "job " + job->id + " runs";
    case RunState::kSilent:
      return "no sign of life for " + human_duration(*heartbeat_s);
    case RunState::kFailed:
      return status.cause;
    case RunState::kStopped:
      if (is_cancelled) return "cancelled";
      return end ? end->cause : "";
    case RunState::kNew:
      return is_cancelled ? "cancelled" : "";
    case RunState::kNoCheckpoint:
      return "its checkpoint is gone, so it is trained again";
    default:
      return "";
  }
}

}  // namespace xp
