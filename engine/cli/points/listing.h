// Points as a table.
#pragma once

#include "engine/plan/outlook.h"
#include "engine/plan/recorded_plan.h"

#include <string>
#include <vector>

namespace xp {

/// "3 points: 2 new, 1 done".
std::string counts_line(const Plan& plan);

/// The points with axes, state and ids, and their figures if an outlook is given; the longest
/// tables are cut, and say so.
std::string points_table(const Plan& plan, const Outlook* outlook = nullptr);

/// The predicted updates of the points, by their axes, those of the longest plans cut; "" without
/// any prediction. One row for points that differ in their seed only.
std::string steps_table(const Plan& plan, const std::vector<StepForecast>& forecast);

/// A sentence for each thing to know about the predictions: points whose global share is smaller
/// than pays, layouts whose probe was disturbed.
std::vector<std::string> step_notes(const Plan& plan, const Workspace& workspace,
                                    const std::vector<StepForecast>& forecast);

}  // namespace xp
