// `xp report`.
#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"

#include <fmt/format.h>
namespace xp {
int report_command(const Options& options) {
  fmt::print("next: {}\n", next_command(options, "report"));
  return 0;
}
}  // namespace xp
