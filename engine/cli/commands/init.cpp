// `xp init`: a commented experiment to start from.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/selection.h"

#include <fmt/format.h>

#include <cstdio>
#include <xp_starter.h>

namespace xp {

int init_command(const Options& options) {
  if (options.names.empty()) {
    fmt::print("{}", kStarter);
    return Exit::kDone;
  }
  const fs::path file = options.names.front();
  if (fs::exists(file))
    throw Error(Blame::kUser,
                fmt::format("'{}' exists and is left as it is; name another file", file.string()),
                kUsageError);
  write_atomic(file, kStarter);
  fmt::print("wrote {}\nnext: xp plan {}\n", file.string(), file.string());
  return Exit::kDone;
}

}  // namespace xp
