// `xp work JOB_FOLDER`, on the first node of a scheduler's job: does the runs of the job. SIGUSR1
// means that the job's time is nearly up, SIGTERM that the scheduler preempts it.
#include "engine/base/own_program.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/terminal/signals.h"
#include "engine/run/job_work.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

namespace xp {
namespace {

struct Options {
  fs::path job;

  void declare(Arguments& arguments) {
    arguments.positional("JOB_FOLDER", &job, "the folder of the job").required();
  }
};

int work(const Options& options) {
  const fs::path& job = options.job;
  const SignalWatch signals({SIGTERM, SIGUSR1}, SignalWatch::Many::kAreCounted);
  const auto stop_request = [] {
    return SignalWatch::count() > 0 ? StopRequest::kStopHere : StopRequest::kNone;
  };
  const auto meaning = [] {
    return SignalWatch::received() == SIGUSR1 ? Outcome::kTimeLimit : Outcome::kStopped;
  };
  const Execution result = work_through(job, own_program(), stop_request, meaning);
  for (const auto& failure : result.failures)
    fmt::print(stderr, "failed: {}: {}\n", failure.name, failure.cause);
  if (SignalWatch::received() == SIGUSR1) requeue(job);
  return result.failures.empty() ? Exit::kDone : Exit::kPartlyFailed;
}

XP_COMMAND(Options, work, "work", Group::kHidden, "do the runs of a scheduler's job");

}  // namespace
}  // namespace xp
