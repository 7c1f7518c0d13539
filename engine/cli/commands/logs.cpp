// `xp logs`: the log of a rank, or of a job; -f follows it.
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/log_tail.h"
#include "engine/cli/points/named_run.h"
#include "engine/launch/rank_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace xp {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kPollsPerLook = 5;   // at the run's state
constexpr int kLooksPerPoll = 10;  // of the scheduler

struct Options : PointOptions {
  bool follow = false, job = false;
  int64_t lines = 50;
  std::optional<int64_t> rank, attempt;

  void declare(Arguments& arguments) {
    PointOptions::declare(arguments);
    arguments.flag("-f,--follow", follow, "print new lines until the run ends, across attempts");
    arguments.option("-n,--lines", "N", &lines, "how many of the last lines").from(0);
    arguments
        .option("--rank", "N", &rank, "this rank's log; by default the first that failed, or 0")
        .from(0);
    arguments.option("--attempt", "N", &attempt, "this attempt's log; by default the last").from(1);
    arguments.flag("--job", job, "the scheduler's log of the job instead of a rank's");
  }
};

std::string begun_words(const NamedRun& run) {
  const std::string cause = run.standing.cause();
  return fmt::format("{} has not started: {}{}", run.title(), state_name(run.standing.state),
                     cause.empty() ? "" : ", " + cause);
}

std::vector<std::string> log_names(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".log")) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

fs::path rank_log(const Options& options, const fs::path& attempt) {
  if (!options.rank) return log_that_matters(attempt);
  return rank_log_file(attempt, *options.rank);
}

fs::path attempt_log(const Options& options, const NamedRun& run) {
  const int64_t last = last_attempt(run.folder);
  if (last == 0) usage_error("{}", begun_words(run));
  if (options.attempt.value_or(0) > last)
    usage_error("{} has {} attempt{}", run.title(), last, last == 1 ? "" : "s");
  const int64_t number = options.attempt.value_or(last);
  const fs::path path = rank_log(options, attempt_folder(run.folder, number));
  if (fs::exists(path) || options.follow || is_live(run.standing.state)) return path;
  const auto names = log_names(path.parent_path());
  usage_error("attempt {} has no {}; it has {}", number, path.filename().string(),
              names.empty() ? "no logs" : join(names, ", "));
}

fs::path job_log(const Options& options, const NamedRun& run) {
  const Workspace workspace{options.workspace};
  const auto job = job_of_run(workspace, run);
  if (!job) usage_error("{} was never in a job of a scheduler", run.title());
  const fs::path path = job_folder(workspace, job->name) / "output.log";
  if (!fs::exists(path) && !options.follow)
    usage_error("job {} has written nothing yet: {} {}", job->id.empty() ? job->name : job->id,
                job->state, job->reason);
  return path;
}

// Why there is nothing to show of a run that works.
void print_nothing_yet(const NamedRun& run, const Standing& now) {
  fmt::print(
      stderr, "{} is {} and has written nothing yet{}\n", run.title(), state_name(now.state),
      now.heartbeat_s ? "; last heartbeat " + human_duration(*now.heartbeat_s) + " ago" : "");
}

void print_head(const fs::path& path) {
  fmt::print(stderr, "==> {}\n", path.string());
}

void print_text(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty()) std::fflush(stdout);
}

class Follower {
 public:
  Follower(const Options& options, const NamedRun& run)
      : options_(options), run_(run), workspace_{options.workspace} {}

  /// Prints until no process holds the run; the exit code.
  int follow() {
    for (int looks = 1;; ++looks) {
      if (looks % kLooksPerPoll == 0) refresh_jobs(workspace_);
      const Standing now = standing_of(run_.folder, OpenJobs(workspace_));
      say_waiting(now);
      take_up(static_cast<size_t>(options_.lines));
      if (looks == 1 && log_ && is_live(now.state) && is_empty(log_->path()))
        print_nothing_yet(run_, now);
      for (int i = 0; i < kPollsPerLook; ++i) {
        if (log_) print_text(log_->poll());
        if (!is_live(now.state)) return ended(now);
        std::this_thread::sleep_for(kPoll);
      }
    }
  }

 private:
  static bool is_empty(const fs::path& path) {
    std::error_code none;
    const auto size = fs::file_size(path, none);
    return none || size == 0;
  }

  // The newest attempt's log, or the one asked for. A later attempt is shown from its beginning.
  void take_up(size_t lines) {
    fs::path path;
    if (options_.job) {
      path = job_log(options_, run_);
    } else {
      const int64_t last = options_.attempt ? *options_.attempt : last_attempt(run_.folder);
      if (last == 0) return;
      path = rank_log(options_, attempt_folder(run_.folder, last));
      // The rank that failed is known only at the end: stay with what is shown.
      if (log_ && log_->path().parent_path() == path.parent_path()) return;
    }
    if (log_ && log_->path() == path) return;
    constexpr size_t kAll = 1u << 30;
    const size_t from = log_ ? kAll : lines;
    if (log_) print_text(log_->poll());
    print_head(path);
    log_ = std::make_unique<LogFollower>(path, from);
  }

  void say_waiting(const Standing& now) {
    if (now.state != RunState::kQueued && now.state != RunState::kStarting) return;
    if (now.cause() == waiting_) return;
    waiting_ = now.cause();
    fmt::print(stderr, "{}: {}\n", state_name(now.state), waiting_);
  }

  int ended(const Standing& now) const {
    const std::string name = now.class_name(), cause = now.cause();
    fmt::print(stderr, "{} {}{}{}\n", run_.title(),
               now.state == RunState::kDone ? "is done" : state_name(now.state),
               name.empty() ? "" : ", " + name, cause.empty() ? "" : ": " + cause);
    return now.state == RunState::kFailed ? Exit::kPartlyFailed : Exit::kDone;
  }

  const Options& options_;
  const NamedRun& run_;
  Workspace workspace_;
  std::unique_ptr<LogFollower> log_;
  std::string waiting_;
};

int show_logs(const Options& options) {
  std::optional<OpenPoints> open;
  const auto run = named_run(options, open);
  if (!run) return Exit::kSpec;
  if (options.follow) {
    if (!is_live(run->standing.state) && last_attempt(run->folder) == 0)
      usage_error("{}", begun_words(*run));
    return Follower(options, *run).follow();
  }
  const fs::path path = options.job ? job_log(options, *run) : attempt_log(options, *run);
  print_head(path);
  const std::string text = last_lines(path, static_cast<size_t>(options.lines));
  print_text(text);
  if (text.empty() && options.lines > 0 && is_live(run->standing.state))
    print_nothing_yet(*run, run->standing);
  return Exit::kDone;
}

XP_COMMAND(Options, show_logs, "logs", Group::kRuns, "print the log of a run; -f follows it",
           "log tail");

}  // namespace
}  // namespace xp
