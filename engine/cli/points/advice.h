// Advice whether retrying a run would help.
#pragma once

#include "results/runs/standing.h"

#include <string>

namespace xp {

struct Advice {
  bool may_help = false;     ///< `xp retry` may succeed
  bool is_needless = false;  ///< nothing to retry: `xp run` resumes it, or it is live
  std::string sentence;
};

/// For a run that is not done. `spec` is its spec.toml, or null if it has none; `checkpoint` the
/// update that it would resume from, 0 = the beginning.
Advice retry_advice(const Standing& run, const Value& spec, int64_t checkpoint);

}  // namespace xp
