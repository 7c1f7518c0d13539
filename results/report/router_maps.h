// What routers did with the rows that came to them, by layer, as maps of a page.
#pragma once

#include "results/report/report_rows.h"

#include <vector>

namespace xp {

class Store;

/// For each of the first rows whose models route, averaged over its trainings: the share of a
/// layer's rows that came to each expert at the end of training; the same of each direction in
/// evaluation, if there are several; and the figures that its routers logged at the end of
/// training.
std::vector<HeatMap> router_maps(const ReportRows& rows, const Measures& measures,
                                 const Store& store);

/// The mean over layers and parts of a figure that routers log ("entropy") over the updates.
Series router_series(const Store& store, const std::string& training, const std::string& figure);

}  // namespace xp
