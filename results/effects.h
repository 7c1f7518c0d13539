// What each setting does on average, and whether two of them together do more than the sum.
#pragma once

#include "results/report.h"

namespace xp {

/// A table of factors: a row per value of each row setting with the mean of every column over all
/// other settings and seeds, for which each value of the setting was measured (so that the means
/// are comparable), and its difference to the first value, tested over those pairs (paired t, Holm
/// within a column). Then a row per pair of values of two settings that were crossed: how far the
/// mean lies from what their two effects add up to.
Table effects_table(const ReportSection& section, const ReportInput& input);

}  // namespace xp
