// `xp run`, and what `xp retry` takes over from it.
#pragma once

#include "engine/cli/points/options.h"

namespace xp {

/// How runs are started.
struct DriverOptions {
  void declare(Arguments& arguments);

  int64_t jobs = 1;  ///< runs at a time on this machine; 0 = as many as it has room for
  bool detach = false;
  std::string notify;  ///< a shell command (terminal/notify.h)
  Words command_line;  ///< for provenance
};

struct RunOptions : ExperimentOptions {
  void declare(Arguments& arguments);

  bool prune = false;
  std::string other_builds = "warn";  ///< keep, warn or refuse points of another engine
  bool yes = false;                   ///< starts and cancels without asking
  Words only;                         ///< selectors
  Words ids;                          ///< of evaluations; empty = all
  DriverOptions driver;
};

/// Runs what is missing and prints the report; the exit code.
int run_experiment(const RunOptions& options);

}  // namespace xp
