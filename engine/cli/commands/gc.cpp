// `xp gc`: lists the checkpoints that nothing needs any more and, with --yes, frees them.
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/listing.h"
#include "results/runs/garbage.h"

#include <fmt/format.h>

namespace xp {

int gc_command(const Options& options) {
  const auto found = find_garbage(Workspace{options.workspace});
  uintmax_t bytes = 0;
  std::vector<std::vector<std::string>> rows;
  Value list = Value::array();
  for (const Garbage& one : found) {
    bytes += one.bytes;
    rows.push_back({human_bytes(static_cast<double>(one.bytes)), one.file.string(), one.reason});
    list.push_back({{"file", one.file.string()}, {"bytes", one.bytes}, {"reason", one.reason}});
  }
  const uintmax_t freed = options.yes ? remove_garbage(found) : 0;
  if (options.json) {
    const Value out = {{"schema_version", 1}, {"checkpoints", list}, {"freed", freed}};
    fmt::print("{}\n", out.dump(2));
    return Exit::kDone;
  }
  fmt::print("{}", text_table(rows));
  if (found.empty()) {
    fmt::print("every checkpoint is needed\n");
  } else if (options.yes) {
    fmt::print("{} freed\n", human_bytes(static_cast<double>(freed)));
  } else {
    fmt::print(
        "{} checkpoints, {}; a new [eval] of their trainings would train again\n"
        "next: xp gc --yes frees them\n",
        found.size(), human_bytes(static_cast<double>(bytes)));
  }
  return Exit::kDone;
}

}  // namespace xp
