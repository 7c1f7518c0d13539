// The settings of a point's metrics as the programs that score need them.
#pragma once

#include "engine/plan/plan.h"

namespace xp {

/// [eval.metric] of a point: texts that begin with ./ or ../ are paths from the folder of the
/// experiment's file, and come in full.
Value metric_tables(const Plan& plan, const Settings& settings);

}  // namespace xp
