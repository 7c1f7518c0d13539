// The sentences under a report: what is missing, why, and what to type next.
#pragma once

#include "results/report.h"

#include <string>
#include <vector>

namespace xp {

/// In this order: an empty selection or baseline, failures with their causes, how to read the
/// figures, metrics not shown, the next command. `points` are those the table shows.
std::vector<std::string> report_notes(const ReportSection& section, const ReportInput& input,
                                      const std::vector<const ReportPoint*>& points,
                                      const Table& table);

}  // namespace xp
