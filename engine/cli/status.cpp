// `xp status`: the points with what they measured so far.
#include "engine/base/text.h"
#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"
#include "engine/cli/listing.h"

#include <fmt/format.h>

namespace xp {

int status_command(const Options& options) {
  const auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Plan& plan = experiment->plan;
  if (options.json) {
    fmt::print("{}\n", plan_json(plan).dump(2));
    return Exit::kDone;
  }
  const bool work = plan.count(PointState::kDone) < plan.points.size();
  fmt::print("{}: {}\n{}next: {}\n", plan.name, counts_line(plan), points_table(plan),
             next_command(options, work ? "run" : "report"));
  return Exit::kDone;
}

}  // namespace xp
