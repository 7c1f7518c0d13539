// `xp run`: dispatches what is not done and says what came of it.
#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"
#include "engine/cli/listing.h"
#include "engine/cli/preflight.h"
#include "engine/cli/signals.h"
#include "engine/run/dispatch.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

std::filesystem::path engine_program(const Options& options) {
  const std::filesystem::path engine =
      options.engine.empty() ? program_folder() / "xp-engine" : fs::path(options.engine);
  if (!std::filesystem::exists(engine))
    machine_error("'{}' is missing; build it with `make build`", engine.string());
  return std::filesystem::absolute(engine);
}

bool asked_to_stop() {
  static bool told = false;
  if (SignalWatch::received() == 0) return false;
  if (!told) fmt::print(stderr, "\nstopping once the current run has saved; again: at once\n");
  told = true;
  return true;
}

DispatchResult dispatched(const Options& options, Experiment& experiment) {
  const Workspace workspace{options.workspace};
  const Corpora corpora(workspace, options.mirror, experiment.spec.folder());
  DispatchSettings settings;
  settings.workspace = workspace;
  settings.engine = engine_program(options);
  settings.command_line = options.words;
  settings.stop = asked_to_stop;
  std::optional<SignalWatch> signals;
  // Preparing a corpus leaves nothing half done, so there a signal ends the program at once.
  Dispatch dispatch(settings, [&](const Value& corpus) {
    signals.reset();
    const std::string id = corpora.prepare(corpus);
    signals.emplace();
    return id;
  });
  signals.emplace();
  return dispatch.run(experiment.plan);
}

void print_failures(const std::vector<Failure>& failures) {
  for (const auto& failure : failures) {
    fmt::print(stderr, "failed: {}: {}\n", failure.name, failure.cause);
    if (!failure.folder.empty()) fmt::print(stderr, "  logs: {}\n", failure.folder.string());
  }
}

}  // namespace

int run_command(const Options& options) {
  auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  Plan& plan = experiment->plan;
  if (plan.count(PointState::kDone) == plan.points.size()) {
    if (options.prune) cancel_removed(options, *experiment);
    if (options.prune) record(options, *experiment);
    fmt::print(stderr, "nothing to do: {}\n", counts_line(plan));
    return report_command(options);
  }
  if (const std::string missing = missing_space(plan, Workspace{options.workspace});
      !missing.empty()) {
    fmt::print(stderr, "{}\n", missing);
    return Exit::kPreflight;
  }
  if (options.prune) cancel_removed(options, *experiment);
  record(options, *experiment);
  const DispatchResult result = dispatched(options, *experiment);
  record(options, *experiment);
  print_failures(result.failures);
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
