// What `xp retry` would change for a run, and whether that helps.
#pragma once

#include "results/runs/standing.h"

#include <string>

namespace xp {

struct Advice {
  bool may_help = false;  ///< `xp retry` may end better, or is what goes on
  bool goes_on = false;   ///< nothing to retry: `xp run` is enough
  std::string sentence;
};

/// For a run that is not done. `spec` is its spec.toml, or null where it has none; `checkpoint` the
/// update that it goes on from, 0 = the beginning.
Advice retry_advice(const Standing& run, const Value& spec, int64_t checkpoint);

}  // namespace xp
