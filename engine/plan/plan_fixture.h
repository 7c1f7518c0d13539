// Plans of tests, made in one call.
#pragma once

#include "engine/plan/plan.h"

namespace xp {

/// The points of a spec, assessed, without ids.
inline Plan make_plan(const Spec& spec, const Catalog& catalog, Problems& problems) {
  Plan out = expand(spec, catalog, problems);
  assess(out, spec, catalog, problems);
  return out;
}

}  // namespace xp
