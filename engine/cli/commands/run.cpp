// `xp run`: dispatches what is not done and says what came of it.
#include "engine/base/own_program.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/preflight.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/notify.h"
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

constexpr size_t kMostShown = 1000;  // points whose report is printed without being asked for

std::filesystem::path engine_program(const Options& options) {
  const std::filesystem::path engine = engine_file(options);
  if (!std::filesystem::exists(engine))
    machine_error("'{}' is missing; build it with `make build`", engine.string());
  return std::filesystem::absolute(engine);
}

// Whether runs of the plan go through a scheduler's queue, or start from this process itself.
bool has_launcher(const Plan& plan, bool with_queue) {
  return std::any_of(plan.points.begin(), plan.points.end(), [&](const Point& point) {
    const auto launcher = make_part<Launcher>(point.settings().at("launch"));
    return (launcher->queue() != nullptr) == with_queue;
  });
}

// Ctrl-C once: nothing more is started. Twice: what runs is ended, jobs of a queue are cancelled.
// What was not meant for the runs (the terminal is gone, the machine goes down) leaves jobs alone.
Wish wish_of_signals() {
  if (SignalWatch::count() == 0) return Wish::kGoOn;
  if (SignalWatch::received() != SIGINT) return Wish::kEndHere;
  return SignalWatch::count() == 1 ? Wish::kStartNoMore : Wish::kEndAll;
}

const char* words_of(Wish wish, bool has_queue) {
  switch (wish) {
    case Wish::kStartNoMore:
      return has_queue ? "submitting no more, waiting for the jobs; Ctrl-C again cancels them, "
                         "Ctrl-\\ leaves them in the queue"
                       : "starting no more; Ctrl-C again ends what runs";
    case Wish::kEndHere:
      return has_queue ? "leaving the jobs in the queue"
                       : "ending what runs, once it has saved; again: at once";
    case Wish::kEndAll:
      return has_queue ? "cancelling the jobs; what runs saves and ends; Ctrl-C again: at once"
                       : "ending what runs, once it has saved; again: at once";
    case Wish::kGoOn:
      break;
  }
  return "";
}

// Says once what it leads to.
Wish told_wish(bool has_queue) {
  static Wish told = Wish::kGoOn;
  const Wish wish = wish_of_signals();
  if (wish != told) fmt::print(stderr, "\n{}\n", words_of(wish, has_queue));
  told = wish;
  return wish;
}

// The evaluations asked for, by id or by selectors; empty: all.
std::set<std::string> wanted(const Options& options, const Plan& plan) {
  std::set<std::string> out(options.ids.begin(), options.ids.end());
  if (options.only.empty()) return out;
  const Workspace workspace{options.workspace};
  const auto points = points_of(plan, workspace);
  for (const auto& one : select(points, options.only, workspace)) {
    if (one.point->evaluation == "?") {
      throw Error(Blame::kUser,
                  "--only picks runs whose corpus is not known yet; next: " +
                      next_command(options, "data prepare"),
                  kUsageError);
    }
    out.insert(one.point->evaluation);
  }
  return out;
}

Notice notice_of(const char* event, const Plan& plan, const std::string& message) {
  return {event, plan.name, plan.count(PointState::kDone), plan.count(PointState::kFailed),
          message};
}

Notice failure_notice(const Plan& plan, const FailedRun& run) {
  return notice_of("failure", plan, run.name + " failed: " + run.cause);
}

DispatchResult dispatched(const Options& options, Experiment& experiment, Notifier& notifier) {
  const Workspace workspace{options.workspace};
  const Corpora corpora(workspace, options.mirror, experiment.spec.folder(), experiment.plan.name);
  DispatchSettings settings;
  settings.workspace = workspace;
  settings.programs.xp = own_program();
  settings.programs.engine = engine_program(options);
  settings.warm = settings.programs.engine.filename() == "xp-engine";
  settings.command_line = options.words;
  settings.jobs = options.jobs;
  settings.waits_for_queue = !options.detach;
  settings.only = wanted(options, experiment.plan);
  settings.wish = [&notifier, has_queue = has_launcher(experiment.plan, true)] {
    notifier.look();
    return told_wish(has_queue);
  };
  bool has_failed = options.notify.empty();
  settings.failed = [&](const FailedRun& run) {
    if (has_failed) return;
    has_failed = true;
    Plan now = experiment.plan;
    read_states(now, workspace);
    notifier.tell_first_failure(failure_notice(now, run));
  };
  std::optional<SignalWatch> signals;
  // Preparing a corpus leaves nothing half done, so there a signal ends the program at once.
  Dispatch dispatch(settings, [&](const Value& corpus) {
    signals.reset();
    const std::string id = corpora.prepare(corpus);
    if (const auto missing = missing_subset(experiment.plan, corpus, workspace.corpus(id)))
      user_error("{}", missing->sentence());
    signals.emplace();
    return id;
  });
  signals.emplace();
  return dispatch.run(experiment.plan);
}

// The rest of the command goes on in a process of its own session; true in the process that the
// person waits for.
bool detached(const Options& options, const Plan& plan) {
  const fs::path log = Workspace{options.workspace}.experiment(plan.name) / "driver.log";
  fs::create_directories(log.parent_path());
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) machine_error("no process can be made: {}", std::strerror(errno));
  if (child > 0) {
    fmt::print(stderr, "going on as process {}; its words: {}\nnext: {}\n", child, log.string(),
               next_command(options, "status"));
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

}  // namespace

int run_command(const Options& options) {
  auto experiment = open_to_run(options);
  if (!experiment) return Exit::kSpec;
  Plan& plan = experiment->plan;
  for (const auto& note : notes_of(plan, experiment->plugins, Workspace{options.workspace}))
    fmt::print(stderr, "note: {}\n", note);
  if (plan.count(PointState::kDone) == plan.points.size()) {
    if (options.prune) cancel_removed(options, *experiment);
    const Workspace workspace{options.workspace};
    if (!is_recorded(plan, experiment->spec, options.sets, workspace))
      record_plan(plan, experiment->spec, options.sets, workspace);
    fmt::print(stderr, "nothing to do: {}\n", counts_line(plan));
    if (plan.points.size() <= kMostShown) return report_command(options);
    fmt::print(stderr, "next: {}\n", next_command(options, "report"));
    return Exit::kDone;
  }
  if (options.other_builds != "keep") {
    const auto others = other_builds(plan, Workspace{options.workspace}, engine_file(options));
    const bool is_refused = others.points > 0 && options.other_builds == "refuse";
    if (is_refused)
      fmt::print(stderr, "{}; --other-builds keep adds to them, a new --workspace starts afresh\n",
                 others.sentence());
    if (is_refused) return Exit::kPreflight;
    if (others.points > 0) fmt::print(stderr, "note: {}\n", others.sentence());
  }
  if (const std::string missing = missing_space(plan, Workspace{options.workspace});
      !missing.empty()) {
    fmt::print(stderr, "{}\n", missing);
    return Exit::kPreflight;
  }
  if (options.prune) cancel_removed(options, *experiment);
  record_plan(plan, experiment->spec, options.sets, {options.workspace});
  if (options.detach && has_launcher(plan, false) && detached(options, plan))
    return Exit::kUnfinished;
  Notifier notifier(options.notify);
  const DispatchResult result = dispatched(options, *experiment, notifier);
  record_plan(plan, experiment->spec, options.sets, {options.workspace});
  if (!result.failures.empty())  // those of a queue are known only now
    notifier.tell_first_failure(failure_notice(plan, result.failures.front()));
  if (!result.stopped && !result.is_queued)
    notifier.tell(notice_of("end", plan, counts_line(plan)));
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
    fmt::print(stderr, "stopped: {}\nnext: {} goes on\n", counts_line(plan),
               next_command(options, "run"));
    return 128 + SignalWatch::received();
  }
  if (!result.failures.empty()) {
    fmt::print(stderr, "{}\nnext: {} tries again what failed; {}\n", counts_line(plan),
               next_command(options, "run"), next_command(options, "report"));
    return Exit::kFailedRuns;
  }
  return report_command(options);
}

}  // namespace xp
