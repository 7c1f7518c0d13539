// A run of the workspace, named by the beginning of its id.
#pragma once

#include "results/runs/workspace.h"

#include <fmt/format.h>

#include <string>

namespace xp {

/// Which run.
struct RunName {
  RunKind kind = RunKind::kTraining;
  std::string id;

  /// "training 1f2e...".
  std::string title() const { return fmt::format("{} {}", kind_name(kind), id); }
};

struct RunFolder : RunName {
  fs::path folder;
  Value spec;  ///< its spec.toml: resolved settings and ids
};

/// The run whose id begins with `prefix` (4 digits or more). Raises a usage error if there is none
/// or more than one.
RunFolder find_run(const Workspace& workspace, const std::string& prefix);

/// The settings of a run as full path -> value, without ids.
std::vector<std::pair<std::string, Value>> run_settings(const RunFolder& run);

}  // namespace xp
