// Groups points into rows: which settings distinguish rows, and which points each row averages.
#pragma once

#include "results/report/report.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// A setting that makes rows: by its axis, or by a name that only the input's `setting` knows.
struct RowKey {
  std::string path, name;
  bool is_axis = true;
};

/// One row before it is printed: the settings it stands for and its points, one list per value of
/// the pivot.
struct ReportRow {
  std::vector<Value> settings;
  std::vector<std::vector<const ReportPoint*>> points;
  bool is_baseline = false;
};

/// The points of an experiment in rows.
struct ReportRows {
  std::vector<RowKey> keys;
  std::vector<Value> pivots;  ///< in the order of the points; a single null if there is no pivot
  std::vector<const ReportPoint*> points;  ///< those that `where` keeps
  std::vector<ReportRow> rows;             ///< in the order of the points
  std::vector<std::string> averaged;       ///< axes that vary inside a row, the seed aside
};

/// Raises kUser if `rows` or `pivot` names nothing.
ReportRows rows_of(const ReportSection& section, const ReportInput& input);

/// All points of a row, whatever their pivot.
std::vector<const ReportPoint*> points_of(const ReportRow& row);
/// The ids of its trainings that are known, each once, in the order of its points.
std::vector<std::string> trainings_of(const ReportRow& row);
/// In the same way, those of its evaluations.
std::vector<std::string> evaluations_of(const ReportRow& row);

/// Full paths of all axes, sorted.
std::vector<std::string> axes_of(const std::vector<ReportPoint>& points);

/// Whether trainings that differ only in nodes x ranks are one. Raises kUser if `pool` names
/// anything else.
bool pools_layout(const ReportSection& section);

/// The baseline that differs from row `at` in the fewest settings; nothing for a baseline itself.
std::optional<size_t> baseline_of(const std::vector<ReportRow>& rows, size_t at);

/// "exchange dense" or, if several rows are baselines, "the most similar row of exchange dense".
std::string baseline_name(const ReportRows& rows);

/// The settings of row `at`: "gshard 0.25"; "" if rows have no settings.
std::string row_name(const ReportRows& rows, size_t at);
/// The same with the names of the settings: "exchange gshard, alpha 0.25"; "the run" if there are
/// none.
std::string full_row_name(const ReportRows& rows, size_t at);

/// A setting on screen; "" for null.
std::string text_of(const Value& value);

}  // namespace xp
