// `xp db`: the index of the run folders as a file.
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "results/store/index_file.h"

#include <cstdio>

namespace xp {
namespace {

int check(const Workspace& workspace) {
  const auto found = check_index(workspace);
  for (const auto& problem : found)
    fmt::print("{}\n", problem);
  if (!found.empty()) return Exit::kMachine;
  fmt::print("'{}' is whole and equals the run folders\n", workspace.database().string());
  return Exit::kDone;
}

int rebuild(const Workspace& workspace) {
  const Rebuilt made = rebuild_index(workspace);
  for (const auto& problem : made.problems)
    fmt::print(stderr, "{}\n", problem);
  fmt::print("'{}' made anew from {} runs and plans\n", workspace.database().string(), made.taken);
  return Exit::kDone;
}

int vacuum(const Workspace& workspace) {
  const auto [before, after] = vacuum_index(workspace);
  fmt::print("'{}' takes {}, it took {}\n", workspace.database().string(),
             human_bytes(static_cast<double>(after)), human_bytes(static_cast<double>(before)));
  return Exit::kDone;
}

}  // namespace

int db_command(const Options& options) {
  const Workspace workspace{options.workspace};
  if (options.action == "check") return check(workspace);
  if (options.action == "rebuild") return rebuild(workspace);
  if (options.action == "vacuum") return vacuum(workspace);
  fmt::print(stderr, "{}\n",
             unknown_name("action of xp db", options.action, {"check", "rebuild", "vacuum"}));
  return Exit::kUsage;
}

}  // namespace xp
