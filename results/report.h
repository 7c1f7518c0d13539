// The table of an experiment: one row per setting compared, means over seeds, differences to a
// baseline.
#pragma once

#include "registry/renderer.h"
#include "registry/sections.h"
#include "results/records.h"
#include "results/workspace.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace xp {

class Store;

/// What a report knows about one run.
struct ReportRun {
  /// "done", "failed", "damaged", "running", "stopped" or "not run"
  std::string state = "not run";
  std::string cause;  ///< why it failed
  Value summary = Value::object();
};

/// All a report is made of.
struct ReportInput {
  std::string name, description;  ///< of the experiment
  std::string file;               ///< its file as typed, for the commands under the table
  std::vector<ReportPoint> points;
  std::map<std::string, ReportRun> runs;                ///< by id; absent = not run
  std::function<bool(const ReportPoint&)> where;        ///< points to show; empty = all
  std::function<bool(const ReportPoint&)> is_baseline;  ///< empty = no differences
  /// A setting that is no axis, for [report] rows; null where the point has none. May be empty.
  std::function<Value(const ReportPoint&, const std::string& name)> setting;
};

/// The runs of `points`: finished ones from the store, the others from their folders ("running"
/// only while somebody holds the lease).
std::map<std::string, ReportRun> report_runs(const Workspace& workspace, const Store& store,
                                             const std::vector<ReportPoint>& points);

/// Rows are the settings of `section.rows` (a name may be the tail of an axis, and drop `.use`) or
/// every axis but the seed, in the order of the points; points that fall together are averaged:
/// mean, standard deviation (n - 1) and n. A cell without a number says why. Scores come from
/// evaluations, everything else from trainings. Where several rows are baselines, each row is
/// compared with the one most like it. Raises kUser where a row, `pivot` or `sort` names nothing.
Table make_report(const ReportSection& section, const ReportInput& input);

/// Shortest tails that tell the axes apart, `.use` dropped: "model.moe.exchange.use" ->
/// "exchange".
std::map<std::string, std::string> short_names(const std::vector<std::string>& axes);

}  // namespace xp
