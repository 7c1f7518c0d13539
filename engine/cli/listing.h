// Points as a table and as JSON.
#pragma once

#include "engine/plan/plan.h"

#include <string>
#include <vector>

namespace xp {

/// Rows of cells below a header, columns padded to the widest cell; numbers are not aligned.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

/// "3 points: 2 new, 1 done".
std::string counts_line(const Plan& plan);

/// The points with axes, state and ids; the longest tables are cut, and say so.
std::string points_table(const Plan& plan);

/// Everything `plan` knows, for --json and plan.json: schema, counts, points with axes, seed, ids.
Value plan_json(const Plan& plan);

}  // namespace xp
