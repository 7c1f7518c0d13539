// Corpora, then this machine's work and the queue's side by side.
#include "engine/run/dispatch.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/run/jobs.h"
#include "results/runs/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLook = std::chrono::milliseconds(500);
// Ranks that save before they end need some time.
constexpr auto kCancelPatience = std::chrono::seconds(20);

bool goes_through_queue(const Work& work) {
  return make_part<Launcher>(work.launch())->queue() != nullptr;
}

}  // namespace

DispatchResult Dispatch::run(Plan& plan) {
  result_ = {};
  told_.clear();
  experiment_ = plan.name;
  read_states(plan, settings_.workspace);
  prepare_corpora(plan);
  read_states(plan, settings_.workspace);
  const auto work = work_of(plan, settings_.workspace, settings_.engine, settings_.only);
  for (const auto& one : work) {  // who runs it now wants it, whatever was before
    withdraw_cancel(one.folder);
    if (read_status(one.folder).state == State::kFailed) forgive(one.folder);
  }
  const auto here = without(work, goes_through_queue);
  const auto queued = without(work, [](const Work& one) { return !goes_through_queue(one); });
  if (!queued.empty() && !begin_queue(plan, queued)) return result_;
  ExecutorSettings settings;
  settings.attempts.command_line = settings_.command_line;
  settings.attempts.style = settings_.style;
  settings.attempts.warm = settings_.warm;
  settings.jobs = settings_.jobs;
  settings.failed = settings_.failed;
  settings.wish = settings_.wish;
  settings.tick = [&] { look_at_queue(queued); };
  Execution execution = execute(here, settings);
  result_.started = execution.started;
  result_.failures.insert(result_.failures.end(), execution.failures.begin(),
                          execution.failures.end());
  result_.stopped = execution.left > 0;
  if (settings_.waits_for_queue) wait_for_queue(queued);
  take_failures(queued);
  read_states(plan, settings_.workspace);
  return result_;
}

void Dispatch::prepare_corpora(Plan& plan) {
  std::map<std::string, std::string> ids;  // corpus table -> id, or "" where it failed
  std::optional<Error> first;
  bool any = plan.count(PointState::kDone) > 0;
  for (const auto& point : plan.points) {
    if (point.state == PointState::kDone) continue;
    const std::string key = canonical_text(point.settings().at("corpus"));
    if (ids.contains(key)) continue;
    const bool known =
        point.ids && fs::exists(settings_.workspace.corpus(point.ids->corpus));
    any = any || known;
    if (known) continue;
    try {
      ids[key] = prepare_(point.settings().at("corpus"));
      any = true;
    } catch (const Error& error) {
      ids[key] = "";
      if (!first) first = error;
      result_.failures.push_back({point.name, error.what(), {}});
    }
  }
  if (first && !any) throw *first;
  identify(plan, [&](const Value& corpus) -> CorpusIdentity {
    const auto made = ids.find(canonical_text(corpus));
    if (made != ids.end()) return {made->second, ""};
    for (const auto& point : plan.points) {
      if (point.settings().at("corpus") == corpus) return {point.ids ? point.ids->corpus : "", ""};
    }
    return {};
  });
}

bool Dispatch::begin_queue(const Plan& plan, const std::vector<Work>& work) {
  const SubmitSettings settings{settings_.workspace, plan.name, settings_.program,
                                settings_.command_line, settings_.wish};
  settle(settings_.workspace);
  result_.problem = queue_problem(work, settings);
  if (!result_.problem.empty()) return false;
  for (const auto& one : work) {  // asked for again: new, for whoever looks
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
  result_.is_queued = !still_open(work).empty();
  return true;
}

// One poll for all jobs, more and more seldom while nothing changes. Runs whose job ended without
// them go into another one.
void Dispatch::look_at_queue(const std::vector<Work>& work) {
  const std::chrono::duration<double> now = Clock::now().time_since_epoch();
  if (work.empty() || !pace_.is_due(now.count())) return;
  bool has_changed = false;
  try {
    const auto news = settle(settings_.workspace);
    for (const auto& one : news)
      fmt::print(stderr, "{}: {}\n", one.job, one.text);
    size_t again = 0;
    if (settings_.wish() == Wish::kGoOn) {
      again = submit(still_open(work), {settings_.workspace, experiment_, settings_.program,
                                        settings_.command_line, settings_.wish});
    }
    result_.submitted += again;
    has_changed = tell_queue(work) || !news.empty() || again > 0;
  } catch (const Error& error) {  // the scheduler is away: the jobs are not
    fmt::print(stderr, "{}\n", error.what());
  }
  pace_.polled(now.count(), has_changed);
}

// "6 runs: 1 done, 2 running, 3 queued", where that is news.
bool Dispatch::tell_queue(const std::vector<Work>& work) {
  const OpenJobs jobs(settings_.workspace);
  std::map<RunState, size_t> counts;
  for (const auto& one : work)
    ++counts[standing_of(one.folder, jobs).state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts)
    parts.push_back(fmt::format("{} {}", count, state_name(state)));
  std::string words = join(parts, ", ");
  if (words == queue_words_) return false;
  queue_words_ = std::move(words);
  if (settings_.style != Progress::Style::kQuiet)
    fmt::print(stderr, "{} runs: {}\n", work.size(), queue_words_);
  return true;
}

void Dispatch::wait_for_queue(const std::vector<Work>& work) {
  while (true) {
    const auto began = Clock::now();
    if (still_open(work).empty()) break;
    const Wish wish = settings_.wish();
    const bool is_over = wish == Wish::kStartNoMore && !has_jobs(settings_.workspace, work);
    if (wish == Wish::kEndAll) cancel_queue(work);
    if (is_over || ends_what_runs(wish)) {
      result_.stopped = true;
      break;
    }
    look_at_queue(work);
    take_failures(work);
    rest(Clock::now() - began, wish);
  }
  result_.is_queued = !still_open(work).empty();
  result_.stopped = result_.stopped || result_.is_queued;
}

// Thousands of folders on a shared disk are looked at for a tenth of the time. Ends with the wish.
void Dispatch::rest(Clock::duration look, Wish wish) const {
  const auto end = Clock::now() + std::max<Clock::duration>(kLook, 9 * look);
  do {
    std::this_thread::sleep_for(kLook);
  } while (Clock::now() < end && settings_.wish() == wish);
}

// Waits a little for the scheduler's word on them; the next xp takes in what comes later.
void Dispatch::cancel_queue(const std::vector<Work>& work) {
  std::set<fs::path> folders;
  for (const auto& one : work)
    folders.insert(one.folder);
  const auto end = Clock::now() + kCancelPatience;
  try {
    cancel_jobs(settings_.workspace, folders);
    settle(settings_.workspace);
    while (has_jobs(settings_.workspace, work) && Clock::now() < end) {
      std::this_thread::sleep_for(2 * kLook);
      settle(settings_.workspace);
    }
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
}

void Dispatch::take_failures(const std::vector<Work>& work) {
  for (const auto& one : work) {
    const Status status = read_status(one.folder);
    if (status.state != State::kFailed || !told_.insert(one.folder).second) continue;
    const fs::path folder = attempt_folder(one.folder, last_attempt(one.folder));
    const auto end = read_end(folder);
    const Outcome outcome = end ? end->outcome : Outcome::kLost;
    if (result_.stopped && outcome == Outcome::kCancelled) continue;  // it was us
    result_.failures.push_back({one.name, status.cause, folder, outcome});
    settings_.failed(result_.failures.back());
  }
}

}  // namespace xp
