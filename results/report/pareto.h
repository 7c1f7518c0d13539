// Which rows no other row beats both in quality and in cost.
#pragma once

#include "results/report/report.h"

namespace xp {

/// Rows by rising `cost` (a metric) with the first score of `section.columns` as quality, and a
/// column that says "front", "near" (beaten, but by less than the 95 % intervals of the means) or
/// which row beats it. Raises kUser if no column is a score, or `cost` is one.
Table pareto_table(const ReportSection& section, const ReportInput& input, const std::string& cost);

/// The same as places to be drawn; empty if fewer than two rows have both figures.
Tradeoff pareto_tradeoff(const ReportSection& section, const ReportInput& input,
                         const std::string& cost);

}  // namespace xp
