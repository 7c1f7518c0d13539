// The table of an experiment: one row per setting compared, means over seeds, differences to a
// baseline.
#pragma once

#include "registry/renderer.h"
#include "registry/sections.h"
#include "results/report/report_input.h"

#include <map>
#include <string>
#include <vector>

namespace xp {

/// Rows are the settings of `section.rows` (a name may be the tail of an axis, and drop `.use`) or
/// every axis that differs but the seed, in the order of the points; points that fall together are
/// averaged: mean, standard deviation (n - 1) and n. A cell without a number says why. Scores come
/// from evaluations, everything else from trainings. If several rows are baselines, each row is
/// compared with the most similar one: by paired bootstrap if the evaluations kept their
/// sentences' counts, else by Welch's test over seeds, Holm-corrected within a column. Raises kUser
/// if a row, `pivot`, `pool` or `sort` names nothing.
Table make_report(const ReportSection& section, const ReportInput& input);

/// The shortest unambiguous tail of each axis, `.use` dropped: "model.moe.exchange.use" ->
/// "exchange".
std::map<std::string, std::string> short_names(const std::vector<std::string>& axes);

}  // namespace xp
