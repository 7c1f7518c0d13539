// A plan as JSON: what `xp plan --json` prints and what an experiment's folder keeps in plan.json.
// Only this file and results/runs/records.h, which reads the ids and axes of its points, know the
// format.
#pragma once

#include "engine/plan/outlook.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A point of a recorded plan.
struct RecordedPoint {
  std::string name;
  std::optional<PointIds> ids;          ///< nothing if they were not known
  std::string shape, evaluation_shape;  ///< as in PointOutlook
  std::optional<size_t> further;        ///< as in Point
};

/// Where an experiment was read from when its plan was recorded.
struct RecordedSource {
  std::string file;  ///< absolute; empty if it was not recorded
  std::vector<std::string> sets;
  std::string
      points_id;  ///< equal for plans of the same points; empty in those of earlier versions
  /// Setting -> "FILE:LINE": of settings in tables, of axes, and of each further point.
  std::map<std::string, std::string> origins, axis_origins;
  std::vector<std::map<std::string, std::string>> further_origins;
  std::map<std::string, std::string> initial_ids;  ///< as in Plan

  /// Where the settings of one point were written.
  std::map<std::string, std::string> origins_of(const RecordedPoint& point) const;
};

/// The points of the plan that an experiment's folder keeps; empty if there is none. Raises
/// kMachine if it is damaged.
std::vector<RecordedPoint> recorded_points(const fs::path& experiment_folder);

/// Its source, in the same way; nothing if there is no plan. Cost: does not read the points.
std::optional<RecordedSource> recorded_source(const fs::path& experiment_folder);

/// Writes the folder of an experiment: its file and its plan, with the outlook of each point.
void record_plan(const Plan& plan, const Spec& spec, const std::vector<std::string>& sets,
                 const Workspace& workspace);

/// Whether the folder has this plan already, from the same file and --set. Cost: does not read the
/// points.
bool is_recorded(const Plan& plan, const Spec& spec, const std::vector<std::string>& sets,
                 const Workspace& workspace);

/// The other file whose experiment has this name in the workspace, if there still is one.
std::optional<std::string> other_file_of(const Spec& spec, const Workspace& workspace);

/// The ids of all runs that other experiments of the workspace have.
std::set<std::string> runs_of_others(const Workspace& workspace, const std::string& own);

/// What changed between two plans of an experiment, by ids, or by names if ids are not known.
struct PlanChange {
  std::vector<std::string> added;      ///< names of points
  std::vector<RecordedPoint> removed;  ///< points that left
  size_t kept = 0;
};
PlanChange plan_change(const std::vector<RecordedPoint>& before, const Plan& now);

/// Everything that a plan knows: counts, and points with axes, seed, state and ids (null if they
/// are not known).
Value plan_json(const Plan& plan);

/// The same as text, with the outlook of each point, in pieces, so that a hundred thousand points
/// need no second copy in memory. `more` is added to the keys of the whole.
void write_plan_json(const Plan& plan, const Outlook& outlook, const Value& more,
                     const std::function<void(std::string_view)>& write);

}  // namespace xp
