// Where the time of an update went: by layer, measured by the first rank of the row's trainings.
#pragma once

#include "results/report/report_rows.h"

#include <array>
#include <string>
#include <vector>

namespace xp {

class Store;

/// Milliseconds of an update: of a layer, of the sums of gradients, or of the whole. NaN where
/// nothing was measured.
struct TimeParts {
  std::string name;  ///< "encoder 1", "gradients", "whole update"
  double compute = 0, in_node = 0, inter_node = 0, exposed = 0;
  std::array<double, 4> all() const { return {compute, in_node, inter_node, exposed}; }
};

/// Means over trainings and events, the first updates left out: the layers, the gradients, the
/// whole. Empty if no training logged them.
std::vector<TimeParts> step_times(const std::vector<std::string>& trainings, const Store& store);

/// For `xp report --parts`: a row for each part of each row's update.
Table parts_table(const ReportSection& section, const ReportInput& input, const Store& store);

/// Bars of the whole update of each row, and of the layers of the first rows.
std::vector<StackChart> part_charts(const ReportRows& rows, const Store& store);
/// The same as tables of the layers.
std::vector<HeatMap> part_maps(const ReportRows& rows, const Store& store);

}  // namespace xp
