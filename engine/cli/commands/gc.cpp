// `xp gc`: lists checkpoints and builds that nothing needs and, with --yes, removes them.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/terminal/text_table.h"
#include "results/runs/garbage.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

Value list_of(const std::vector<Garbage>& found, Garbage::Kind kind) {
  Value out = Value::array();
  for (const Garbage& one : found) {
    if (one.kind == kind)
      out.push_back({{"file", one.file.string()}, {"bytes", one.bytes}, {"reason", one.reason}});
  }
  return out;
}

// What --yes would remove.
std::string summary(const std::vector<Garbage>& found, uintmax_t bytes) {
  const auto builds =
      static_cast<size_t>(std::count_if(found.begin(), found.end(), [](const Garbage& one) {
        return one.kind == Garbage::Kind::kPrograms;
      }));
  const size_t checkpoints = found.size() - builds;
  const std::string size = human_bytes(static_cast<double>(bytes));
  if (checkpoints == 0) return fmt::format("{} unused builds, {}", builds, size);
  return fmt::format("{} checkpoints{}, {}; a new [eval] of their trainings would train again",
                     checkpoints, builds == 0 ? "" : fmt::format(", {} unused builds", builds),
                     size);
}

struct Options : WorkspaceOptions {
  bool yes = false, json = false;

  void declare(Arguments& arguments) {
    WorkspaceOptions::declare(arguments);
    arguments.flag("--yes", yes, "remove what is listed; without it nothing is removed");
    declare_json(arguments, json);
  }
};

int collect(const Options& options) {
  const auto found = find_garbage(Workspace{options.workspace});
  uintmax_t bytes = 0;
  std::vector<std::vector<std::string>> rows;
  for (const Garbage& one : found) {
    bytes += one.bytes;
    rows.push_back({human_bytes(static_cast<double>(one.bytes)), one.file.string(), one.reason});
  }
  const uintmax_t freed = options.yes ? remove_garbage(found) : 0;
  if (options.json) {
    const Value out = {{"schema_version", 1},
                       {"checkpoints", list_of(found, Garbage::Kind::kCheckpoint)},
                       {"programs", list_of(found, Garbage::Kind::kPrograms)},
                       {"freed", freed}};
    fmt::print("{}\n", json_text(out, 2));
    return Exit::kDone;
  }
  fmt::print("{}", text_table(rows));
  if (found.empty()) {
    fmt::print("nothing to remove: every checkpoint is needed\n");
  } else if (options.yes) {
    fmt::print("{} freed\n", human_bytes(static_cast<double>(freed)));
  } else {
    fmt::print("{}\nnext: xp gc --yes{} removes them\n", summary(found, bytes),
               workspace_words(options));
  }
  return Exit::kDone;
}

XP_COMMAND(Options, collect, "gc", Group::kResults,
           "list checkpoints and builds that nothing needs; --yes removes them", "clean");

}  // namespace
}  // namespace xp
