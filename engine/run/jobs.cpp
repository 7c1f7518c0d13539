// The folder says what the program did, the scheduler why it ended from outside. If both have one,
// the folder is believed on success and the scheduler on the reason.
#include "engine/run/jobs.h"

#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/run/attempt.h"
#include "engine/run/work.h"

#include <fmt/format.h>

namespace xp {
namespace {

// A job that no scheduler knows, and that has had no heartbeat for so long, is lost.
constexpr double kLostAfter_s = 15 * 60;
// A submission that left no trace in the queue after this never got there.
constexpr double kNeverArrived_s = 60;

std::string describe(const BatchState& state) {
  std::string out = state.state;
  if (!state.reason.empty() && state.reason != "None") out += " " + state.reason;
  return out.empty() ? "unknown" : out;
}

bool has_bytes(const fs::path& file) {
  std::error_code code;
  return fs::file_size(file, code) > 0 && !code;
}

// A run that never began has no settings of its own yet: those that its job has for it.
void ensure_spec(const fs::path& run_folder, const fs::path& job_folder) {
  const fs::path spec = spec_file(run_folder), list = work_file(job_folder);
  if (has_bytes(spec)) return;
  const auto bytes = read_if_there(list);
  if (!bytes) return;
  const Value value = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("work")) return;
  try {
    for (const auto& work : work_from(value["work"])) {
      if (work.folder.filename() == run_folder.filename()) write_atomic(spec, to_toml(work.spec));
    }
  } catch (const Error&) {  // damaged: the run counts as one without retries
  }
}

// What the scheduler's word adds to an attempt's end.
AttemptEnd merged_end(const std::optional<AttemptEnd>& known, const JobRecord& job,
                      const BatchState& state) {
  AttemptEnd out = known.value_or(AttemptEnd{});
  if (!known) {
    out.ended_s = now_s();
    out.outcome = state.outcome == Outcome::kDone ? Outcome::kLost : state.outcome;
    out.cause = fmt::format("job {} ended: {}", job.id, describe(state));
    if (state.outcome == Outcome::kMachine && state.hosts.size() == 1) out.host = state.hosts[0];
  } else if (known->outcome == Outcome::kStopped && state.outcome != Outcome::kDone) {
    out.outcome = state.outcome;
    if (out.cause.empty()) out.cause = fmt::format("job {} ended: {}", job.id, describe(state));
  }
  out.job_state = state.state;
  out.job_reason = state.reason;
  return out;
}

// What an ended job means for a run of it that nobody works on: how its last attempt ended, as far
// as the scheduler knows more than the folder, and what comes next (end_attempt). A run that the
// job never came to waits again, unless the job was cancelled or could not start.
void end_run(const Workspace& workspace, const fs::path& run, const JobRecord& job,
             const BatchState& state) {
  const fs::path run_folder = workspace.root / run;
  if (job_of(run_folder) == job.name) set_job_of(run_folder, "");
  const State now = read_status(run_folder).state;
  if (now == State::kDone || now == State::kFailed || is_held(run_folder)) return;
  ensure_spec(run_folder, job_folder(workspace, job.name));
  const int64_t retries = retries_of(run_folder);
  const int64_t number = last_attempt(run_folder);
  const fs::path attempt = attempt_folder(run_folder, number);
  const auto known = read_end(attempt);
  const auto start = read_start(attempt);
  // The last attempt may be that of an earlier job.
  const bool has_begun = number > 0 && (!known || (start && start->job == job.id));
  if (has_begun) {
    end_attempt(run_folder, number, merged_end(known, job, state), retries);
    return;
  }
  const bool was_started = state.outcome == Outcome::kDone || resumes(state.outcome) ||
                           state.phase == BatchState::Phase::kUnknown;
  if (was_started) return;
  AttemptEnd end = merged_end(std::nullopt, job, state);
  end.cause = fmt::format("job {} ended before the run began: {}", job.id, describe(state));
  const fs::path folder = next_attempt(run_folder);
  end_attempt(run_folder, last_attempt(run_folder), end, retries);
}

bool is_lost(const Workspace& workspace, const JobRecord& job, const BatchState& state) {
  if (!state.is_absent) return false;  // no answer says nothing
  if (job.id.empty()) return now_s() - job.submitted_s > kNeverArrived_s;
  if (now_s() - job.seen_s < kLostAfter_s) return false;
  for (const auto& run : job.runs) {
    const fs::path folder = workspace.root / run;
    const int64_t number = last_attempt(folder);
    const auto age = number > 0 ? heartbeat_age_s(attempt_folder(folder, number)) : std::nullopt;
    if (is_held(folder) || (age && *age < kLostAfter_s)) return false;
  }
  return true;
}

JobPhase phase_of(BatchState::Phase phase) {
  return phase == BatchState::Phase::kPending ? JobPhase::kQueued : JobPhase::kRunning;
}

// A job that had not begun and was taken out of the queue without a trace has ended.
BatchState with_removal(const JobRecord& job, BatchState state) {
  if (!state.is_absent || state.outcome != Outcome::kCancelled || job.phase != JobPhase::kQueued)
    return state;
  state.phase = BatchState::Phase::kEnded;
  state.state = "CANCELLED";
  return state;
}

// Brings one record up to date; what changed, or "".
std::string update_job(const Workspace& workspace, JobRecord& job, const BatchState& answer) {
  const BatchState state = with_removal(job, answer);
  const bool is_ended = state.phase == BatchState::Phase::kEnded;
  const bool is_unknown = state.phase == BatchState::Phase::kUnknown;
  if (is_unknown && !is_lost(workspace, job, state)) return "";
  const auto before = std::pair(job.phase, job.reason);
  if (!state.id.empty()) job.id = state.id;
  job.state = state.state;
  job.reason = state.reason;
  job.is_stuck = state.is_stuck;
  if (!state.hosts.empty()) job.hosts = state.hosts;
  if (!is_unknown) job.seen_s = now_s();
  job.phase = is_ended || is_unknown ? JobPhase::kEnded : phase_of(state.phase);
  if (job.phase == JobPhase::kEnded) {
    for (const auto& run : job.runs)
      end_run(workspace, run, job, state);
  }
  write_job(workspace, job);
  if (std::pair(job.phase, job.reason) == before) return "";
  if (is_unknown && job.id.empty()) return "never came into the queue";
  if (is_unknown) return "lost: the scheduler does not know it and it has no heartbeat";
  if (is_ended) return "ended: " + describe(state);
  if (job.phase == JobPhase::kRunning) return "running on " + join(job.hosts, ", ");
  return fmt::format("waiting: {}{}", describe(state),
                     job.is_stuck ? " (will not start by itself)" : "");
}

// Null if this xp has no such launcher (it may be a plug-in's), or that has no queue.
std::unique_ptr<BatchQueue> queue_of(const std::string& launcher) {
  try {
    return make_part<Launcher>(Value{{"use", launcher}})->queue();
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace

int64_t retries_of(const fs::path& run_folder) {
  const fs::path spec = spec_file(run_folder);
  if (!has_bytes(spec)) return 0;
  try {
    const Value settings = load_toml(spec.string());
    const Value* launch = find_path(settings, "launch");
    return launch == nullptr ? 0 : make_part<Launcher>(*launch)->retries();
  } catch (const Error&) {
    return 0;
  }
}

FileLock jobs_turn(const Workspace& workspace) {
  fs::create_directories(workspace.jobs());
  return FileLock::wait(workspace.jobs() / "lock");
}

std::vector<JobNews> update_jobs(const Workspace& workspace) {
  std::vector<JobNews> out;
  if (!fs::exists(workspace.jobs())) return out;
  const FileLock turn = jobs_turn(workspace);
  std::map<std::string, std::vector<JobRecord>> by_launcher;
  for (auto& job : open_jobs(workspace))
    by_launcher[job.launcher].push_back(std::move(job));
  for (auto& [name, jobs] : by_launcher) {
    const auto queue = queue_of(name);
    if (!queue) continue;
    std::map<std::string, std::string> asked;
    for (const auto& job : jobs)
      asked[job.name] = job.id;
    const auto states = queue->poll(asked);
    for (auto& job : jobs) {
      const auto found = states.find(job.name);
      const BatchState state = found == states.end() ? BatchState{} : found->second;
      if (std::string text = update_job(workspace, job, state); !text.empty())
        out.push_back({job.name, std::move(text)});
    }
  }
  return out;
}

size_t cancel_jobs(const Workspace& workspace, const std::set<fs::path>& run_folders) {
  const FileLock turn = jobs_turn(workspace);
  size_t out = 0;
  for (const auto& job : open_jobs(workspace)) {
    const auto is_over = [&](const fs::path& run) {
      const fs::path folder = workspace.root / run;
      const State state = read_status(folder).state;
      return run_folders.contains(folder) || state == State::kDone || state == State::kFailed;
    };
    const bool is_asked = std::any_of(job.runs.begin(), job.runs.end(), [&](const fs::path& run) {
      return run_folders.contains(workspace.root / run);
    });
    if (job.id.empty() || !is_asked || !std::all_of(job.runs.begin(), job.runs.end(), is_over))
      continue;
    const auto queue = queue_of(job.launcher);
    if (!queue) continue;
    queue->cancel(job.id);
    ++out;
  }
  return out;
}

bool has_open_job(const Workspace& workspace, const Work& work) {
  const std::string name = job_of(work.folder);
  if (name.empty()) return false;
  const auto job = read_job(workspace, name);
  return job && job->phase != JobPhase::kEnded;
}

}  // namespace xp
