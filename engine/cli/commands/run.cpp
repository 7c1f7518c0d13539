// `xp run`: starts what is not done, waits, and prints the report.
#include "engine/cli/commands/run.h"

#include "engine/base/own_program.h"
#include "engine/cli/commands/report.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"
#include "engine/cli/points/corpus_check.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/preflight.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/points/removed_points.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/notify.h"
#include "engine/cli/terminal/question.h"
#include "engine/cli/terminal/signals.h"
#include "engine/plan/recorded_plan.h"
#include "engine/run/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace xp {
namespace {

constexpr size_t kMaxReported = 1000;  // points whose report is printed without being asked for
constexpr double kMaxUnasked_h = 24;   // device-hours that start without a question

// Whether runs of the plan go through a scheduler's queue, or start from this process itself.
bool has_launcher(const Plan& plan, bool with_queue) {
  return std::any_of(plan.points.begin(), plan.points.end(), [&](const Point& point) {
    const auto launcher = make_part<Launcher>(point.settings().at("launch"));
    return (launcher->queue() != nullptr) == with_queue;
  });
}

// Ctrl-C once: nothing more is started. Twice: runs are stopped and jobs of a queue are cancelled.
// Signals that were not meant for the runs (the terminal closed, the machine shuts down) leave jobs
// alone.
StopRequest stop_request_of_signals() {
  if (SignalWatch::count() == 0) return StopRequest::kNone;
  if (SignalWatch::received() != SIGINT) return StopRequest::kStopHere;
  return SignalWatch::count() == 1 ? StopRequest::kStartNoMore : StopRequest::kStopAll;
}

const char* stop_message(StopRequest request, bool has_queue) {
  switch (request) {
    case StopRequest::kStartNoMore:
      return has_queue ? "no more jobs are submitted, waiting for the others; Ctrl-C again cancels "
                         "them, Ctrl-\\ leaves them in the queue"
                       : "no more runs are started; Ctrl-C again stops those that run";
    case StopRequest::kStopHere:
      return has_queue ? "leaving the jobs in the queue"
                       : "stopping the runs once they have saved; again: at once";
    case StopRequest::kStopAll:
      return has_queue ? "cancelling the jobs; runs save and stop; Ctrl-C again: at once"
                       : "stopping the runs once they have saved; again: at once";
    case StopRequest::kNone:
      break;
  }
  return "";
}

// Announces each change once.
StopRequest announced_stop_request(bool has_queue) {
  static StopRequest announced = StopRequest::kNone;
  const StopRequest stop_request = stop_request_of_signals();
  if (stop_request != announced)
    fmt::print(stderr, "\n{}\n", stop_message(stop_request, has_queue));
  announced = stop_request;
  return stop_request;
}

// The evaluations asked for, by id or by selectors; empty: all.
std::set<std::string> wanted(const RunOptions& options, const Plan& plan) {
  std::set<std::string> out(options.ids.begin(), options.ids.end());
  if (options.only.empty()) return out;
  const Workspace workspace{options.workspace};
  const auto points = points_of(plan, workspace);
  for (const auto& one : select(points, options.only, workspace)) {
    if (!one.point->ids) {
      usage_error("--only selects runs whose corpus is not prepared yet; next: {}",
                  next_command(options, "data prepare"));
    }
    out.insert(one.point->ids->evaluation);
  }
  return out;
}

ReportOptions report_options(const RunOptions& options) {
  ReportOptions out;
  static_cast<ExperimentOptions&>(out) = options;
  return out;
}

// What is left of the points whose evaluations are wanted; of all if the set is empty.
Outlook work_ahead(const Plan& plan, const std::set<std::string>& only,
                   const Workspace& workspace) {
  if (only.empty()) return outlook(plan, workspace);
  Plan part = plan;
  std::erase_if(part.points, [&](const Point& point) {
    return !point.ids || !only.contains(point.ids->evaluation);
  });
  return outlook(part, workspace);
}

// Asks on a terminal before much is started or something is cancelled.
bool is_agreed(const RunOptions& options, const Outlook& ahead,
               const std::vector<RemovedRun>& removed) {
  if (options.yes || !is_conversation()) return true;
  const auto running = std::count_if(removed.begin(), removed.end(),
                                     [](const RemovedRun& run) { return run.is_running; });
  if (running > 0 && !agreed(false, fmt::format("cancel {} running run{} that left the sweep?",
                                                running, running == 1 ? "" : "s")))
    return false;
  return ahead.device_hours <= kMaxUnasked_h ||
         agreed(false, fmt::format("start {:.0f} device-hours?", ahead.device_hours));
}

// The end of a run that found nothing to do.
int report_done(const RunOptions& options, const Plan& plan) {
  fmt::print(stderr, "nothing to do: {}\n", counts_line(plan));
  if (plan.points.size() <= kMaxReported) return print_report(report_options(options));
  fmt::print(stderr, "next: {}\n", next_command(options, "report"));
  return Exit::kDone;
}

Notice notice_of(const char* event, const Plan& plan, const std::string& message) {
  return {event, plan.name, plan.count(PointState::kDone), plan.count(PointState::kFailed),
          message};
}

Notice failure_notice(const Plan& plan, const FailedRun& run) {
  return notice_of("failure", plan, run.name + " failed: " + run.cause);
}

DispatchResult dispatched(const RunOptions& options, Experiment& experiment,
                          const std::set<std::string>& only, Notifier& notifier) {
  const Workspace workspace{options.workspace};
  DispatchSettings settings;
  settings.workspace = workspace;
  settings.programs.xp = own_program();
  settings.programs.engine = existing_engine();
  settings.warm = settings.programs.engine.filename() == "xp-engine";
  settings.command_line = options.driver.command_line;
  settings.jobs = options.driver.jobs;
  settings.waits_for_queue = !options.driver.detach;
  settings.only = only;
  settings.stop_request = [&notifier, has_queue = has_launcher(experiment.plan, true)] {
    notifier.poll();
    return announced_stop_request(has_queue);
  };
  bool has_failed = options.driver.notify.empty();
  settings.failed = [&](const FailedRun& run) {
    if (has_failed) return;
    has_failed = true;
    Plan now = experiment.plan;
    read_states(now, workspace);
    notifier.notify_first_failure(failure_notice(now, run));
  };
  std::optional<SignalWatch> signals;
  // Preparing a corpus leaves nothing half done, so there a signal ends the program at once.
  Dispatch dispatch(settings, [&](const Value& corpus) {
    signals.reset();
    const std::string id = experiment.corpora->prepare(corpus);
    const CorpusCheck check = check_corpus(experiment.plan, corpus, workspace.corpus(id));
    if (!check.problems.empty()) user_error("{}", check.problems.front().sentence);
    for (const auto& note : check.notes)
      fmt::print(stderr, "note: {}\n", note);
    signals.emplace();
    return id;
  });
  signals.emplace();
  return dispatch.run(experiment.plan);
}

// The rest of the command continues in a process of its own session. Returns true in the process
// that the user waits for.
bool detached(const RunOptions& options, const Plan& plan) {
  const fs::path log = Workspace{options.workspace}.experiment(plan.name) / "driver.log";
  fs::create_directories(log.parent_path());
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) machine_error("cannot start a process: {}", std::strerror(errno));
  if (child > 0) {
    fmt::print(stderr, "continuing in the background as process {}; log: {}\nnext: {}\n", child,
               log.string(), next_command(options, "status"));
    return true;
  }
  ::setsid();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  return false;
}

void print_failures(const std::vector<FailedRun>& failures) {
  for (const auto& failure : failures) {
    fmt::print(stderr, "failed: {}: {}\n", failure.name, failure.cause);
    if (!failure.folder.empty()) fmt::print(stderr, "  logs: {}\n", failure.folder.string());
  }
}

// Whether points of other builds of the engine may be added to; says what is wrong.
bool takes_other_builds(const RunOptions& options, const Plan& plan) {
  if (options.other_builds == "keep") return true;
  const auto others = other_builds(plan, {options.workspace}, engine_file());
  const bool is_refused = others.points > 0 && options.other_builds == "refuse";
  if (is_refused) {
    fmt::print(stderr, "{}; --other-builds keep adds to them, a new --workspace starts afresh\n",
               others.sentence());
  } else if (others.points > 0) {
    fmt::print(stderr, "note: {}\n", others.sentence());
  }
  return !is_refused;
}

// What came of it, for the user; the exit code.
int conclude(const RunOptions& options, const Plan& plan, const DispatchResult& result) {
  if (!result.problem.empty()) {
    fmt::print(stderr, "{}\n", result.problem);
    return Exit::kPreflight;
  }
  print_failures(result.failures);
  if (result.is_queued && SignalWatch::count() == 0) {
    fmt::print(stderr, "{} jobs submitted: {}\nnext: {}\n", result.submitted, counts_line(plan),
               next_command(options, "status"));
    return Exit::kUnfinished;
  }
  if (result.stopped) {
    fmt::print(stderr, "stopped: {}\nnext: {} resumes\n", counts_line(plan),
               next_command(options, "run"));
    return 128 + SignalWatch::received();
  }
  if (!result.failures.empty()) {
    const bool may_help =
        std::any_of(result.failures.begin(), result.failures.end(),
                    [](const FailedRun& run) { return run.outcome != Outcome::kDiverged; });
    fmt::print(stderr, "{}\nnext: {}{}\n", counts_line(plan),
               may_help ? next_command(options, "run") + " retries what failed; " : "",
               next_command(options, "report"));
    return Exit::kPartlyFailed;
  }
  return print_report(report_options(options));
}

int run_missing(const RunOptions& options, Experiment& experiment,
                const std::set<std::string>& only) {
  const Plan& plan = experiment.plan;
  Notifier notifier(options.driver.notify);
  const DispatchResult result = dispatched(options, experiment, only, notifier);
  record_plan(plan, experiment.spec, options.sets, {options.workspace});
  if (!result.failures.empty())  // those of a queue are known only now
    notifier.notify_first_failure(failure_notice(plan, result.failures.front()));
  if (!result.stopped && !result.is_queued)
    notifier.notify(notice_of("end", plan, counts_line(plan)));
  return conclude(options, plan, result);
}

}  // namespace

void DriverOptions::declare(Arguments& arguments) {
  command_line = arguments.command_line();
  arguments
      .option("-j,--jobs", "N", &jobs,
              "runs at a time on this machine; 0: as many as processors and accelerators allow")
      .from(0);
  arguments.flag("--detach", detach, "return at once and continue in the background");
  declare_notify(arguments, notify);
}

void RunOptions::declare(Arguments& arguments) {
  ExperimentOptions::declare(arguments);
  arguments.flag("--prune", prune, "first forget and cancel what left the sweep");
  arguments
      .option("--other-builds", "POLICY", &other_builds,
              "whether to add to points that another build of xp-engine computed")
      .one_of({"keep", "warn", "refuse"});
  arguments.flag("--yes", yes,
                 "do not ask before more than 24 device-hours start or runs are cancelled");
  arguments
      .option("--only", "SELECTOR", &only, "run only what this selects; several narrow each other")
      .completes([this](const std::string& prefix) { return selector_candidates(*this, prefix); });
  driver.declare(arguments);
}

int run_experiment(const RunOptions& options) {
  auto experiment = open_to_run(options, options.prune);
  if (!experiment) return Exit::kSpec;
  Plan& plan = experiment->plan;
  const Workspace workspace{options.workspace};
  for (const auto& note : notes_of(plan, experiment->plugins, workspace))
    fmt::print(stderr, "note: {}\n", note);
  const auto only = wanted(options, plan);
  const auto removed =
      options.prune ? removed_runs(options, *experiment) : std::vector<RemovedRun>();
  const bool is_done = plan.count(PointState::kDone) == plan.points.size();
  if (!is_done && !takes_other_builds(options, plan)) return Exit::kPreflight;
  const std::string missing = is_done ? "" : missing_space(plan, workspace);
  if (!missing.empty()) {
    fmt::print(stderr, "{}\n", missing);
    return Exit::kPreflight;
  }
  const Outlook ahead = is_done ? Outlook() : work_ahead(plan, only, workspace);
  if (!is_done) fmt::print(stderr, "{}: {}\n", plan.name, ahead.sentence());
  if (!is_agreed(options, ahead, removed)) {
    fmt::print(stderr, "nothing was started or cancelled\n");
    return Exit::kUnfinished;
  }
  cancel_removed(options, removed);
  if (!is_done || !is_recorded(plan, experiment->spec, options.sets, workspace))
    record_plan(plan, experiment->spec, options.sets, workspace);
  if (is_done) return report_done(options, plan);
  if (options.driver.detach && has_launcher(plan, false) && detached(options, plan))
    return Exit::kUnfinished;
  return run_missing(options, *experiment, only);
}

namespace {
XP_COMMAND(RunOptions, run_experiment, "run", Group::kExperiments,
           "run what is missing, then print the report",
           "train evaluate sweep launch submit start multirun");
}  // namespace

}  // namespace xp
