// Every run of a report with its results, settings and origin.
#pragma once

#include "results/report/report_rows.h"

#include <vector>

namespace xp {

class Store;

/// One card per point, in the order of the points. Cost: a few queries per point.
std::vector<RunCard> run_cards(const ReportInput& input, const ReportRows& rows,
                               const Store& store);

}  // namespace xp
