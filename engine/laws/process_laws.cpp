// The kind that starts programs: launcher.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/laws/laws.h"
#include "registry/launcher.h"

#include <chrono>
#include <poll.h>

namespace xp {
namespace {

constexpr int64_t kRanks = 2;
constexpr std::chrono::seconds kPatience{30};

/// Ranks of a shell script, until they end or patience does.
struct Launch {
  std::optional<LaunchEnd> end;
  std::vector<std::string> logs;
};

Launch launch(const Launcher& launcher, const std::string& script, bool stops) {
  const TempFolder folder;
  LaunchJob job;
  job.name = "law";
  job.command = {"/bin/sh", "-c", script};
  job.log_folder = folder.path();
  job.nodes = kRanks;
  Launch out;
  const auto started = std::chrono::steady_clock::now();
  const auto running = launcher.start(job);
  while (!out.end && std::chrono::steady_clock::now() - started < kPatience) {
    if (stops) running->stop();
    pollfd news{running->handle(), POLLIN, 0};
    ::poll(&news, 1, /*timeout ms=*/20);
    out.end = running->poll();
  }
  for (int64_t rank = 0; rank < kRanks; ++rank) {
    const fs::path log = folder.path() / fmt::format("rank-{}.log", rank);
    out.logs.push_back(fs::exists(log) ? std::string(trim(read_file(log))) : "");
  }
  return out;
}

}  // namespace

void try_launcher(const Launcher& launcher, Trial& trial) {
  if (launcher.queue() != nullptr) return;
  const Launch well = launch(launcher, "echo $XP_RANK $XP_NODES $XP_RANKS_PER_NODE", false);
  trial.expect(well.end && well.end->outcome == Outcome::kDone && well.end->cause.empty(),
               "ranks that end well are done");
  trial.expect(well.logs == std::vector<std::string>{"0 2 1", "1 2 1"},
               "every rank runs once, knows its place and has its log");
  const Launch ill =
      launch(launcher, "test $XP_RANK = 1 && { echo no luck; exit 7; }; exec sleep 60", false);
  trial.expect(ill.end.has_value(), "when one rank fails, the others are ended");
  trial.expect(ill.end && ill.end->outcome != Outcome::kDone && ill.end->rank == 1 &&
                   ill.end->exit_code == 7,
               "the rank that failed is named with its exit code");
  trial.expect(ill.end && ill.end->cause.find("no luck") != std::string::npos &&
                   ill.end->cause.find('\n') == std::string::npos,
               "the cause is one line with the last that the rank wrote");
  const Launch stopped = launch(launcher, "exec sleep 60", true);
  trial.expect(stopped.end && stopped.end->outcome != Outcome::kDone, "ranks can be stopped");
}

}  // namespace xp
