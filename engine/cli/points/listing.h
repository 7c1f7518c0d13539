// Points as a table and as JSON.
#pragma once

#include "engine/plan/outlook.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Rows of cells below a header, columns padded to the widest cell; numbers are not aligned.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

/// "3 points: 2 new, 1 done".
std::string counts_line(const Plan& plan);

/// The points with axes, state and ids, and their figures where an outlook is given; the longest
/// tables are cut, and say so.
std::string points_table(const Plan& plan, const Outlook* outlook = nullptr);

/// Everything `plan` knows, for --json and plan.json: schema, counts, points with axes, seed, ids.
Value plan_json(const Plan& plan);

/// The same text by text, with the outlook of each point, so that a hundred thousand points need no
/// second copy in memory. `more` is added to the keys of the whole.
void write_plan_json(const Plan& plan, const Outlook& outlook, const Value& more,
                     const std::function<void(std::string_view)>& write);

}  // namespace xp
