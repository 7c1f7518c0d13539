// `xp sync`: imports run folders copied from another machine.
#include "results/runs/sync.h"

#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"
#include "results/store/store.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  fs::path folder;
  bool checkpoints = false, json = false;

  void declare(Arguments& arguments) {
    arguments.positional("FOLDER", &folder, "a workspace of another machine, or a copy of one")
        .required()
        .completes(file_candidates);
    arguments.flag("--checkpoints", checkpoints,
                   "copy checkpoints too: much larger, but new evaluations need no retraining");
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

int sync(const Options& options) {
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
    fmt::print("{}\n", json_text(out, 2));
  } else {
    fmt::print("{} runs and plans imported, {} were here already, {} skipped\n", result.taken,
               result.known, result.problems.size());
  }
  return result.problems.empty() ? Exit::kDone : Exit::kMachine;
}

XP_COMMAND(Options, sync, "sync", Group::kResults,
           "import run folders copied from another machine");

}  // namespace
}  // namespace xp
