// `xp prune FILE`: forgets points that left the sweep.
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/removed_points.h"
#include "engine/plan/recorded_plan.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

struct Options : ExperimentOptions {};

int prune(const Options& options) {
  const auto experiment = open_to_record(options);
  if (!experiment) return Exit::kSpec;
  const Workspace workspace{options.workspace};
  const PlanChange change =
      plan_change(recorded_points(workspace.experiment(experiment->plan.name)), experiment->plan);
  const bool is_idle = change.removed.empty();
  const size_t cancelled =
      is_idle ? 0 : cancel_removed(options, removed_runs(options, *experiment));
  if (!is_idle) record_plan(experiment->plan, experiment->spec, options.sets, workspace);
  if (options.json) {
    Value removed = Value::array();
    for (const auto& point : change.removed)
      removed.push_back(
          {{"name", point.name}, {"training", point.ids ? Value(point.ids->training) : Value()}});
    const Value what = {{"schema_version", 1}, {"removed", removed}, {"cancelled", cancelled}};
    fmt::print("{}\n", json_text(what, 2));
    return Exit::kDone;
  }
  if (is_idle) fmt::print("no point left the sweep\n");
  if (is_idle) return Exit::kDone;
  for (const auto& point : change.removed)
    fmt::print("- {}\n", point.name);
  const size_t count = change.removed.size();
  fmt::print("{} point{} forgotten, {} run{} cancelled; finished trainings stay until xp gc\n",
             count, count == 1 ? "" : "s", cancelled, cancelled == 1 ? "" : "s");
  return Exit::kDone;
}

XP_COMMAND(Options, prune, "prune", Group::kExperiments,
           "forget points that left the sweep, and cancel their runs");

}  // namespace
}  // namespace xp
