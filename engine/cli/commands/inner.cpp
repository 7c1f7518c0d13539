// Between signals and environment on one side and engine/run and engine/launch on the other.
#include "engine/cli/commands/inner.h"

#include "engine/base/error.h"
#include "engine/base/own_program.h"
#include "engine/cli/terminal/options.h"
#include "engine/cli/terminal/signals.h"
#include "engine/launch/node.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

namespace xp {
namespace {

int work(const fs::path& job) {
  const SignalWatch signals({SIGTERM, SIGUSR1}, SignalWatch::Many::kAreCounted);
  const auto wish = [] { return SignalWatch::count() > 0 ? Wish::kEndHere : Wish::kGoOn; };
  const auto meaning = [] {
    return SignalWatch::received() == SIGUSR1 ? Outcome::kTimeLimit : Outcome::kStopped;
  };
  const Execution result = work_through(job, own_program(), wish, meaning);
  for (const auto& failure : result.failures)
    fmt::print(stderr, "failed: {}: {}\n", failure.name, failure.cause);
  if (SignalWatch::received() == SIGUSR1) requeue(job);
  return result.failures.empty() ? Exit::kDone : Exit::kFailedRuns;
}

// The scheduler's number of this node within the job's step.
int64_t node_number() {
  const char* text = std::getenv("XP_NODE");
  if (text == nullptr) text = std::getenv("SLURM_NODEID");
  return text == nullptr ? 0 : std::atoll(text);
}

int ranks(const fs::path& node_job) {
  const SignalWatch signals({SIGTERM, SIGUSR1, SIGINT}, SignalWatch::Many::kAreCounted);
  const char* host = std::getenv("SLURMD_NODENAME");
  run_node(node_job, node_number(), host == nullptr ? "" : host,
           [] { return SignalWatch::count() > 0; });
  return Exit::kDone;
}

}  // namespace

std::optional<int> inner_command(int count, char** words) {
  if (count != 3) return std::nullopt;
  const std::string_view name = words[1];
  if (name != "work" && name != "ranks") return std::nullopt;
  try {
    return name == "work" ? work(words[2]) : ranks(words[2]);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_code(error);
  } catch (const std::exception& error) {
    fmt::print(stderr, "this is a bug in xp: {}\n", error.what());
    return Exit::kMachine;
  }
}

}  // namespace xp
