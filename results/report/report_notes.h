// What stands below a report: what is missing, why, and which command comes next.
#pragma once

#include "results/report/report_cells.h"

#include <string>
#include <vector>

namespace xp {

/// What the notes are about.
struct NotedReport {
  const ReportSection& section;
  const ReportInput& input;
  const ReportRows& rows;
  const Comparison& figures;
  const Table& table;
  const std::vector<std::string>& without_series;  ///< columns left out at an equal budget
};

/// In this order: an empty selection or baseline, failures with their causes, how to read the
/// figures and what was left out, metrics that no run has, how many points are done.
std::vector<std::string> report_notes(const NotedReport& report);

/// Metrics that are not shown and the next command; none if no point is selected.
std::vector<std::string> report_hints(const NotedReport& report);

}  // namespace xp
