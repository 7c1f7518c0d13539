// Points as a table.
#pragma once

#include "engine/plan/recorded_plan.h"

#include <string>
#include <vector>

namespace xp {

/// "3 points: 2 new, 1 done".
std::string counts_line(const Plan& plan);

/// The points with axes, state and ids, and their figures where an outlook is given; the longest
/// tables are cut, and say so.
std::string points_table(const Plan& plan, const Outlook* outlook = nullptr);

}  // namespace xp
