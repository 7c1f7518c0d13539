// What each setting does on average, and whether two of them together do more than the sum.
#pragma once

#include "results/report/report.h"

namespace xp {

/// A table of factors: a row per value of each row setting with the mean of every column over all
/// other settings and seeds, for which each value of the setting was measured (so that the means
/// are comparable), and its difference to the first value, tested over those pairs (paired t, Holm
/// within a setting and column). Then a row per pair of values of two settings that were crossed,
/// with the difference of its mean to what their two effects add up to, tested the same way.
Table effects_table(const ReportSection& section, const ReportInput& input);

}  // namespace xp
