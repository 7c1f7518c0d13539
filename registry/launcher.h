// Kind `launcher`: starts the ranks of one run and reports how they ended.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace xp {

/// What to start: `command` once per rank. Each rank finds XP_RANK, XP_NODES, XP_RANKS_PER_NODE,
/// XP_RENDEZVOUS (host:port), XP_THREADS, XP_TIMEOUT_S and XP_INTERFACE in its environment.
struct LaunchJob {
  std::string name;
  std::vector<std::string> command;
  std::filesystem::path
      log_folder;  ///< rank-R.log (standard output and error) and launcher.json go here
  int64_t nodes = 1, ranks_per_node = 1, threads_per_rank = 1, timeout_s = 600;
  std::string interface;
};

/// How a job ended. `cause` is one sentence naming the rank, its exit code or signal, and the last
/// line it wrote.
struct LaunchEnd {
  bool ok = false;
  bool cancelled = false;  ///< ended because `stop` said so
  int64_t rank = -1;       ///< the first rank that failed
  int exit_code = 0;       ///< of that rank; 128 + signal where a signal ended it
  std::string cause;
};

struct Launcher {
  static constexpr const char* kKind = "launcher";
  virtual ~Launcher() = default;
  /// Starts all ranks and waits for their end; `tick` is called a few times a second. When one rank
  /// fails, the others are ended within seconds. `stop` is asked at every tick; once it says yes,
  /// all ranks are ended.
  virtual LaunchEnd run(const LaunchJob& job, const std::function<void()>& tick,
                        const std::function<bool()>& stop) const = 0;
};

}  // namespace xp
