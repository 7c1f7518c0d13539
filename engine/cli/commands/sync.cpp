// `xp sync`: takes in run folders that were copied from another machine.
#include "results/runs/sync.h"

#include "engine/cli/commands/commands.h"
#include "results/store/store.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {

int sync_command(const Options& options) {
  const Workspace workspace{options.workspace};
  const SyncResult result = sync_from(options.folder, workspace, options.checkpoints);
  for (const auto& problem : result.problems)
    fmt::print(stderr, "{}\n", problem);
  FoldResult folded;
  Store::of(workspace, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  if (options.json) {
    const Value out = {{"schema_version", 1},
                       {"taken", result.taken},
                       {"known", result.known},
                       {"problems", result.problems}};
    fmt::print("{}\n", out.dump(2));
  } else {
    fmt::print("{} runs and plans taken in, {} were here already, {} left alone\n", result.taken,
               result.known, result.problems.size());
  }
  return result.problems.empty() ? Exit::kDone : Exit::kMachine;
}

}  // namespace xp
