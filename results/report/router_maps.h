// What routers did with the rows that came to them, by layer, as maps of a page.
#pragma once

#include "results/report/report_rows.h"

#include <vector>

namespace xp {

class Store;

/// For each of the first rows whose models route: the share of a layer's rows that came to each
/// expert, and the figures that its routers logged, both at the end of training and averaged over
/// the trainings of the row.
std::vector<HeatMap> router_maps(const ReportRows& rows, const Measures& measures,
                                 const Store& store);

/// The mean over layers and parts of a figure that routers log ("entropy") over the updates.
Series router_series(const Store& store, const std::string& training, const std::string& figure);

}  // namespace xp
