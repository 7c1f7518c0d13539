// `xp check FILE`: every mistake of an experiment file at once.
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

struct Options : ExperimentOptions {};

int check_experiment(const Options& options) {
  if (!load_experiment(options)) return Exit::kSpec;
  if (options.json) {
    const Value none = {{"schema_version", 1}, {"problems", Value::array()}};
    fmt::print("{}\n", none.dump(2));
  }
  return Exit::kDone;
}

XP_COMMAND(Options, check_experiment, "check", Group::kExperiments,
           "report every mistake in an experiment file");

}  // namespace
}  // namespace xp
