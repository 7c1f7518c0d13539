// `xp check FILE`: every mistake of an experiment file at once.
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/preflight.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

struct Options : ExperimentOptions {};

int check_experiment(const Options& options) {
  const auto experiment = open_to_check(options);
  if (!experiment) return Exit::kSpec;
  const auto notes = notes_of(experiment->plan, experiment->plugins, Workspace{options.workspace});
  if (options.json) {
    fmt::print(
        "{}\n",
        json_text({{"schema_version", 1}, {"problems", Value::array()}, {"notes", notes}}, 2));
    return Exit::kDone;
  }
  for (const auto& note : notes)
    fmt::print(stderr, "note: {}\n", note);
  return Exit::kDone;
}

XP_COMMAND(Options, check_experiment, "check", Group::kExperiments,
           "report every mistake in an experiment file", "validate lint");

}  // namespace
}  // namespace xp
