// `xp ranks NODE_JOB`, on every node of a run: starts the ranks of the node (engine/launch/node.h).
#include "engine/base/environment.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/terminal/signals.h"
#include "engine/launch/node.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace xp {
namespace {

struct Options {
  std::filesystem::path job;

  void declare(Arguments& arguments) {
    arguments.positional("NODE_JOB", &job, "the file of the node's job").required();
  }
};

// The scheduler's number of this node within the job's step.
int64_t node_number() {
  std::string text = environment_value(variable::kNode);
  if (text.empty()) text = environment_value("SLURM_NODEID");
  return std::atoll(text.c_str());
}

int ranks(const Options& options) {
  const SignalWatch signals({SIGTERM, SIGUSR1, SIGINT}, SignalWatch::Many::kAreCounted);
  run_node(options.job, node_number(), environment_value("SLURMD_NODENAME"),
           [] { return SignalWatch::count() > 0; });
  return Exit::kDone;
}

XP_COMMAND(Options, ranks, "ranks", Group::kHidden, "start the ranks of one node");

}  // namespace
}  // namespace xp
