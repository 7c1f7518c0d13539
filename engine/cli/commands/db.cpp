// `xp db`: checks, rebuilds or shrinks the index of the run folders.
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/options.h"
#include "results/store/index_file.h"

#include <cstdio>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  std::string action;

  void declare(Arguments& arguments) {
    arguments.positional("ACTION", &action, "what to do with the index")
        .required()
        .one_of({"check", "rebuild", "vacuum"});
    WorkspaceOptions::declare(arguments);
  }
};

int check(const Workspace& workspace) {
  const auto found = check_index(workspace);
  for (const auto& problem : found)
    fmt::print("{}\n", problem);
  if (!found.empty()) return Exit::kMachine;
  fmt::print("'{}' is intact and agrees with the run folders\n", workspace.database().string());
  return Exit::kDone;
}

int rebuild(const Workspace& workspace) {
  const Rebuilt made = rebuild_index(workspace);
  for (const auto& problem : made.problems)
    fmt::print(stderr, "{}\n", problem);
  fmt::print("'{}' rebuilt from {} runs and plans\n", workspace.database().string(), made.taken);
  return Exit::kDone;
}

int vacuum(const Workspace& workspace) {
  const auto [before, after] = vacuum_index(workspace);
  fmt::print("'{}' has {}, it had {}\n", workspace.database().string(),
             human_bytes(static_cast<double>(after)), human_bytes(static_cast<double>(before)));
  return Exit::kDone;
}

int maintain(const Options& options) {
  const Workspace workspace{options.workspace};
  if (options.action == "check") return check(workspace);
  return options.action == "rebuild" ? rebuild(workspace) : vacuum(workspace);
}

XP_COMMAND(Options, maintain, "db", Group::kResults,
           "check, rebuild or shrink the SQLite index of all runs");

}  // namespace
}  // namespace xp
