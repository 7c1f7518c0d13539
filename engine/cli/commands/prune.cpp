// `xp prune`: cancels and forgets what left the sweep.
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/experiment.h"
#include "engine/plan/recorded_plan.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {

int prune_command(const Options& options) {
  const auto experiment = open_to_record(options);
  if (!experiment) return Exit::kSpec;
  const Workspace workspace{options.workspace};
  const PlanChange change =
      plan_change(recorded_points(workspace.experiment(experiment->plan.name)), experiment->plan);
  const bool is_idle = change.removed.empty();
  const size_t cancelled = is_idle ? 0 : cancel_removed(options, *experiment);
  if (!is_idle) record_plan(experiment->plan, experiment->spec, options.sets, workspace);
  if (options.json) {
    Value removed = Value::array();
    for (const auto& point : change.removed)
      removed.push_back({{"name", point.name}, {"training", point.training}});
    const Value what = {{"schema_version", 1}, {"removed", removed}, {"cancelled", cancelled}};
    fmt::print("{}\n", what.dump(2));
    return Exit::kDone;
  }
  if (is_idle) fmt::print("nothing left the sweep\n");
  if (is_idle) return Exit::kDone;
  for (const auto& point : change.removed)
    fmt::print("- {}\n", point.name);
  fmt::print("{} forgotten, {} of their runs cancelled; finished trainings stay until xp gc\n",
             change.removed.size(), cancelled);
  return Exit::kDone;
}

}  // namespace xp
