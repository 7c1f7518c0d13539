// The life of an attempt: folder, ranks, end.
#include "engine/run/attempt.h"

#include "engine/base/error.h"
#include "engine/base/toml.h"
#include "engine/run/micro_batch.h"
#include "results/runs/provenance.h"

#include <fmt/format.h>

namespace xp {
namespace {

constexpr auto kBeat = std::chrono::seconds(5);

LaunchJob launch_job(const Work& work, const Attempt::Places& places,
                     const AttemptSettings& settings) {
  LaunchJob job = shape_of_job(work.launch());
  job.name = work.folder.filename().string();
  job.cores = places.cores;
  job.gpus = places.gpus;
  job.warm = settings.warm;
  job.host = settings.host;
  return job;
}

// Writes the end of an earlier attempt that has none: the process that watched it is gone.
void end_earlier(const fs::path& run_folder, int64_t number) {
  const fs::path folder = attempt_folder(run_folder, number);
  if (number < 1 || read_end(folder)) return;
  AttemptEnd end;
  end.outcome = Outcome::kStopped;
  end.ended_s = now_s();
  end.cause = "the xp that watched over it was ended";
  write_end(folder, end);
}

}  // namespace

Attempt::Attempt(const Work& work, FileLock lease, Places places, const AttemptSettings& settings)
    : work_(work),
      lease_(std::move(lease)),
      places_(std::move(places)),
      settings_(settings),
      folder_(next_attempt(work.folder)),
      number_(attempt_number(folder_)),
      started_s_(now_s()),
      launcher_(make_part<Launcher>(work.launch())) {
  end_earlier(work.folder, number_ - 1);
  Value spec = work.spec, more = Value::object();
  if (const int64_t parts = micro_batch_split(work.folder); parts > 1)
    spec["micro_batch_split"] = more["micro_batch_split"] = parts;
  replace_file(spec_file(work.folder), to_toml(spec));
  write_provenance(work.folder, settings.command_line, work.command[0], more);
  // The figures of a training that is done again stay until there are new ones.
  write_status(work.folder,
               {State::kRunning, number_, started_s_, 0, "", read_status(work.folder).summary});
  try {
    is_checking_ = settings.checks_first;
    if (is_checking_) {
      start_check();
    } else {
      start_work();
    }
  } catch (const Error& error) {
    const Outcome outcome = error.blame() == Blame::kUser ? Outcome::kUser : Outcome::kMachine;
    failed_start_ = LaunchEnd{outcome, -1, 0, "", error.what(), 0};
  }
}

void Attempt::launch(std::vector<std::string> command, const fs::path& log_folder) {
  LaunchJob job = launch_job(work_, places_, settings_);
  job.command = std::move(command);
  job.log_folder = log_folder;
  fs::create_directories(log_folder);
  running_ = launcher_->start(job);
  const JobPlace& place = running_->place();
  AttemptStart start;
  start.launcher = work_.launch().value("use", "");
  start.job = place.job;
  start.hosts = place.hosts;
  start.interface = place.interface;
  start.rendezvous = place.rendezvous;
  start.nodes = job.nodes;
  start.ranks_per_node = job.ranks_per_node;
  start.threads_per_rank = job.threads_per_rank;
  start.shared_with = settings_.shared_with;
  start.command = job.command;
  write_start(folder_, start);
  next_beat_ = std::chrono::steady_clock::now() + kBeat;
}

void Attempt::start_check() {
  const fs::path folder = folder_ / "check";
  launch({work_.command[0], "check", folder.string()}, folder);
}

void Attempt::start_work() {
  std::vector<std::string> command = work_.command;
  command.insert(command.end(), {"--attempt", std::to_string(number_)});
  launch(std::move(command), folder_);
  watch_.emplace(work_.title, work_.unit, folder_, settings_.style);
}

void Attempt::stop(Outcome meaning) {
  if (!stop_meaning_) {
    stop_meaning_ = meaning;
    write_end_request(folder_, meaning);  // who kills us before the end has at least said why
  }
  if (running_) running_->stop();
}

std::optional<AttemptEnd> Attempt::poll() {
  if (failed_start_) return conclude(*failed_start_);
  if (const auto now = std::chrono::steady_clock::now(); now >= next_beat_) {
    write_heartbeat(folder_);
    next_beat_ = now + kBeat;
  }
  if (is_cancel_asked(work_.folder)) stop(Outcome::kCancelled);
  auto end = running_->poll();
  if (watch_) watch_->refresh();
  if (!end) return std::nullopt;
  if (!is_checking_) return conclude(*end);
  is_checking_ = false;
  if (end->outcome != Outcome::kDone) {
    if (!end->cause.empty()) end->cause = "before the work began: " + end->cause;
    return conclude(*end);
  }
  if (stop_meaning_) return conclude({Outcome::kStopped, -1, 0, "", "", 0});
  try {
    start_work();
    return std::nullopt;
  } catch (const Error& error) {
    return conclude({Outcome::kMachine, -1, 0, "", error.what(), 0});
  }
}

AttemptEnd Attempt::conclude(const LaunchEnd& end) {
  running_.reset();
  AttemptEnd out;
  out.outcome = end.outcome;
  out.ended_s = now_s();
  out.rank = end.rank;
  out.exit_code = end.exit_code;
  out.host = end.host;
  out.cause = end.cause;
  out.peak_memory_bytes = end.peak_memory_bytes;
  out.cpu_seconds = end.cpu_seconds;
  out.other_load = end.other_load;
  out.energy_j = end.energy_j;
  // What the worker wrote counts, even if a rank failed after that.
  if (read_status(work_.folder).state == State::kDone) {
    out.outcome = Outcome::kDone;
    out.cause.clear();
    if (watch_) watch_->finish();
  } else if (end.outcome == Outcome::kStopped) {
    out.outcome = stop_meaning_.value_or(Outcome::kStopped);
  } else if (end.outcome == Outcome::kDone) {
    out.outcome = stop_meaning_.value_or(Outcome::kBug);
    if (!stop_meaning_) out.cause = "it ended without a result";
  }
  end_attempt(work_.folder, number_, out, launcher_->retries());
  return out;
}

void end_attempt(const fs::path& run_folder, int64_t number, const AttemptEnd& end,
                 int64_t retries) {
  write_end(attempt_folder(run_folder, number), end);
  const Status before = read_status(run_folder);
  if (before.state == State::kDone || resumes(end.outcome)) return;
  if (may_retry(end.outcome) && counted_failures(run_folder) <= retries) return;
  std::string cause = end.cause;
  if (end.outcome == Outcome::kCancelled) {
    const std::string reason = cancel_reason(run_folder);
    cause = reason.empty() ? "cancelled" : "cancelled: " + reason;
  }
  write_status(run_folder,
               {State::kFailed, number, before.started_s, end.ended_s,
                cause.empty() ? std::string(outcome_name(end.outcome)) : cause, before.summary});
}

}  // namespace xp
