// The points that a command is about, with their states: those of an experiment file, or all of the
// workspace.
#pragma once

#include "engine/cli/points/experiment.h"
#include "engine/plan/point_standing.h"
#include "results/store/store.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// A point as `status`, `watch` and the selectors see it.
struct PointView {
  std::string experiment, name;
  std::optional<RunIds> ids;  ///< nothing before the content of the corpus is known
  SettingValues axes;
  std::string checkpoint;        ///< that the evaluation reads, "" if not known
  const Point* point = nullptr;  ///< in the plan; null if the points come from the index
  PointState state = PointState::kNew;
  std::string cause;                  ///< as in Point
  RunKind kind = RunKind::kTraining;  ///< the run that counts
  Standing run;  ///< of the run that counts; empty if the point is done or blocked

  bool evaluates() const { return kind == RunKind::kEvaluation; }
  /// Of the run that counts; nothing if ids are not known.
  std::optional<std::string> id() const;
  /// Of the run that counts. The ids must be known.
  fs::path folder(const Workspace& workspace) const { return workspace.run(kind, ids->of(kind)); }
  /// The run whose id begins with `prefix`; nothing if neither does.
  std::optional<RunKind> run_with(const std::string& prefix) const;
  /// Cancelled and not running any more.
  bool is_cancelled() const;
  /// Failed by itself.
  bool has_failed() const { return state == PointState::kFailed && !is_cancelled(); }
  /// "silent": of the run that counts; else "blocked", "cancelled" or "done".
  std::string_view state_word() const;
};

/// Reads the states of points that are neither done nor blocked. Raises kMachine if a folder is
/// damaged.
void refresh_states(std::vector<PointView>& points, const Workspace& workspace);

/// The points of a plan whose ids and states are known, in its order. Valid while the plan is.
std::vector<PointView> points_of(const Plan& plan, const Workspace& workspace);
/// Points of the index.
std::vector<PointView> points_of(const std::vector<ExperimentPoint>& points,
                                 const Workspace& workspace);

/// As update_jobs, with a warning about a scheduler that does not answer.
void refresh_jobs(const Workspace& workspace);

/// What `xp COMMAND [FILE] [SELECTOR...]` is about.
struct OpenPoints {
  std::optional<Experiment> experiment;  ///< of FILE
  std::vector<PointView> points;
};

/// Asks schedulers first. Prints the mistakes of FILE and returns nothing if there are any: the
/// exit code is then Exit::kSpec.
std::optional<OpenPoints> open_points(const PointOptions& options);

/// The index of the workspace with everything folded in; problems are printed.
Store open_store(const Workspace& workspace);

}  // namespace xp
