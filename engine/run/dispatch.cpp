// Corpora, then this machine's work and the queue's side by side.
#include "engine/run/dispatch.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/run/jobs.h"
#include "engine/run/submit.h"
#include "results/runs/reopen.h"
#include "results/runs/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(500);

std::optional<std::string> known_corpus(const Point& point) {
  if (!point.ids) return std::nullopt;
  return point.ids->corpus;
}
// Ranks that save before they end need some time.
constexpr auto kCancelTimeout = std::chrono::seconds(20);

bool goes_through_queue(const Work& work) {
  return make_part<Launcher>(work.launch())->queue() != nullptr;
}

}  // namespace

DispatchResult Dispatch::run(Plan& plan) {
  result_ = {};
  reported_.clear();
  experiment_ = plan.name;
  read_states(plan, settings_.workspace);
  prepare_corpora(plan);
  read_states(plan, settings_.workspace);
  const KeptPrograms kept = kept_programs(plan);
  programs_ = kept.programs;
  const auto work = work_of(plan, settings_.workspace, programs_, settings_.only);
  reopen_trainings(plan, work);
  for (const auto& one : work) {  // who runs it now wants it, whatever was before
    withdraw_cancel(one.folder);
    if (read_status(one.folder).state == State::kFailed) reset_retries(one.folder);
  }
  const auto here = without(work, goes_through_queue);
  const auto queued = without(work, [](const Work& one) { return !goes_through_queue(one); });
  if (!queued.empty() && !submit_all(plan, queued)) return result_;
  ExecutorSettings settings;
  settings.attempts.command_line = settings_.command_line;
  settings.attempts.style = settings_.style;
  settings.attempts.warm = settings_.warm;
  settings.jobs = settings_.jobs;
  settings.failed = settings_.failed;
  settings.stop_request = settings_.stop_request;
  settings.tick = [&] { poll_queue(queued); };
  Execution execution = execute(here, settings);
  result_.started = execution.started;
  result_.failures.insert(result_.failures.end(), execution.failures.begin(),
                          execution.failures.end());
  result_.stopped = execution.left > 0;
  if (settings_.waits_for_queue) wait_for_queue(queued);
  const Queue last = read_queue(queued);
  result_.is_queued = !last.open.empty();
  result_.stopped = result_.stopped || (settings_.waits_for_queue && result_.is_queued);
  collect_failures(queued, last);
  read_states(plan, settings_.workspace);
  return result_;
}

// Unless there is nothing to do.
KeptPrograms Dispatch::kept_programs(const Plan& plan) const {
  if (plan.count(PointState::kDone) == plan.points.size()) return {};
  Programs originals = settings_.programs;
  if (plan.plugins.is_object()) {
    for (const auto& file : plan.plugins.at("load"))
      originals.plugins.emplace_back(file.get<std::string>());
  }
  return keep_programs(settings_.workspace, originals);
}

// Those that have to be done again for an evaluation.
void Dispatch::reopen_trainings(const Plan& plan, const std::vector<Work>& work) const {
  std::set<fs::path> wanted;
  for (const auto& one : work)
    wanted.insert(one.folder);
  for (const auto& point : plan.points) {
    if (point.state != PointState::kNoCheckpoint) continue;
    const fs::path training = settings_.workspace.training(point.ids->training);
    if (wanted.contains(training)) reopen_training(training, point.checkpoint());
  }
}

void Dispatch::prepare_corpora(Plan& plan) {
  std::map<std::string, CorpusIdentity> made;  // by corpus table
  std::optional<Error> first;
  bool any = plan.count(PointState::kDone) > 0;
  for (const auto& point : plan.points) {
    if (point.state == PointState::kDone) continue;
    const std::string key = canonical_text(point.settings().at("corpus"));
    if (made.contains(key)) continue;
    const bool known = point.ids && fs::exists(settings_.workspace.corpus(point.ids->corpus));
    any = any || known;
    if (known) continue;
    try {
      made[key] = {prepare_(point.settings().at("corpus")), ""};
      any = true;
    } catch (const Error& error) {
      made[key] = {known_corpus(point), error.what()};
      if (!first) first = error;
      result_.failures.push_back({point.name, error.what(), {}});
    }
  }
  if (first && !any) throw *first;
  identify(plan, [&](const Value& corpus) -> CorpusIdentity {
    const auto found = made.find(canonical_text(corpus));
    if (found != made.end()) return found->second;
    for (const auto& point : plan.points) {
      if (point.settings().at("corpus") == corpus) return {known_corpus(point), ""};
    }
    return {};
  });
}

bool Dispatch::submit_all(const Plan& plan, const std::vector<Work>& work) {
  const SubmitSettings settings{settings_.workspace, plan.name, programs_.xp,
                                settings_.command_line, settings_.stop_request};
  update_jobs(settings_.workspace);
  result_.problem = queue_problem(work, settings);
  if (!result_.problem.empty()) return false;
  for (const auto& one : work) {  // a failed run that is asked for again counts as new
    Status status = read_status(one.folder);
    if (status.state != State::kFailed) continue;
    status.state = State::kRunning;
    write_status(one.folder, status);
  }
  try {
    result_.submitted = submit(work, settings);
  } catch (const Error& error) {
    if (error.blame() == Blame::kUser) throw;
    fmt::print(stderr, "{}\n", error.what());  // tried again while we wait, or by the next xp
  }
  return true;
}

Dispatch::Queue Dispatch::read_queue(const std::vector<Work>& work) const {
  Queue out;
  const OpenJobs jobs(settings_.workspace);
  std::vector<State> states;
  for (const auto& one : work) {
    out.runs.push_back(standing_of(one.folder, jobs));
    states.push_back(out.runs.back().status.state);
    out.has_jobs = out.has_jobs || out.runs.back().job;
  }
  out.open = still_open(work, states);
  return out;
}

// One poll for all jobs, less and less often while nothing changes. Runs whose job ended without
// them go into another one.
void Dispatch::poll_queue(const std::vector<Work>& work) {
  const std::chrono::duration<double> now = Clock::now().time_since_epoch();
  if (work.empty() || !pace_.is_due(now.count())) return;
  bool has_changed = false;
  try {
    const auto news = update_jobs(settings_.workspace);
    for (const auto& one : news)
      fmt::print(stderr, "{}: {}\n", one.job, one.text);
    Queue queue = read_queue(work);
    size_t again = 0;
    if (settings_.stop_request() == StopRequest::kNone) {
      again = submit(queue.open, {settings_.workspace, experiment_, programs_.xp,
                                  settings_.command_line, settings_.stop_request});
    }
    result_.submitted += again;
    if (again > 0) queue = read_queue(work);
    has_changed = print_counts(queue) || !news.empty() || again > 0;
  } catch (const Error& error) {  // the scheduler is away: the jobs are not
    fmt::print(stderr, "{}\n", error.what());
  }
  pace_.polled(now.count(), has_changed);
}

// "6 runs: 1 done, 2 running, 3 queued", unless that was the last line, too.
bool Dispatch::print_counts(const Queue& queue) {
  std::map<RunState, size_t> counts;
  for (const auto& run : queue.runs)
    ++counts[run.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts)
    parts.push_back(fmt::format("{} {}", count, state_name(state)));
  std::string line = join(parts, ", ");
  if (line == last_counts_) return false;
  last_counts_ = std::move(line);
  if (settings_.style != Progress::Style::kQuiet)
    fmt::print(stderr, "{} runs: {}\n", queue.runs.size(), last_counts_);
  return true;
}

void Dispatch::wait_for_queue(const std::vector<Work>& work) {
  while (!work.empty()) {
    const auto began = Clock::now();
    const Queue queue = read_queue(work);
    collect_failures(work, queue);
    if (queue.open.empty()) break;
    const StopRequest stop_request = settings_.stop_request();
    const bool is_over = stop_request == StopRequest::kStartNoMore && !queue.has_jobs;
    if (stop_request == StopRequest::kStopAll) cancel_queue(work);
    if (is_over || stops_running(stop_request)) {
      result_.stopped = true;
      break;
    }
    poll_queue(work);
    pause(Clock::now() - began, stop_request);
  }
}

// Reading thousands of folders on a shared disk takes a tenth of the time at most. Ends early if
// the request changes.
void Dispatch::pause(Clock::duration read, StopRequest stop_request) const {
  const auto end = Clock::now() + std::max<Clock::duration>(kPoll, 9 * read);
  do {
    std::this_thread::sleep_for(kPoll);
  } while (Clock::now() < end && settings_.stop_request() == stop_request);
}

// Waits a little until the scheduler says that they ended; the next xp records what comes later.
void Dispatch::cancel_queue(const std::vector<Work>& work) {
  std::set<fs::path> folders;
  for (const auto& one : work)
    folders.insert(one.folder);
  const auto end = Clock::now() + kCancelTimeout;
  try {
    cancel_jobs(settings_.workspace, folders);
    update_jobs(settings_.workspace);
    while (read_queue(work).has_jobs && Clock::now() < end) {
      std::this_thread::sleep_for(2 * kPoll);
      update_jobs(settings_.workspace);
    }
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
}

void Dispatch::collect_failures(const std::vector<Work>& work, const Queue& queue) {
  for (size_t i = 0; i < work.size(); ++i) {
    const Status& status = queue.runs[i].status;
    const fs::path& run = work[i].folder;
    if (status.state != State::kFailed || !reported_.insert(run).second) continue;
    const fs::path folder = attempt_folder(run, last_attempt(run));
    const auto end = read_end(folder);
    const Outcome outcome = end ? end->outcome : Outcome::kLost;
    if (result_.stopped && outcome == Outcome::kCancelled) continue;  // it was us
    result_.failures.push_back({work[i].name, status.cause, folder, outcome});
    settings_.failed(result_.failures.back());
  }
}

}  // namespace xp
