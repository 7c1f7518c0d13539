// The points that a command is about, with how they stand: those of an experiment file, or all that
// the workspace knows.
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
  std::string training, evaluation;  ///< ids, "?" where not known
  SettingValues axes;
  std::string checkpoint;        ///< that the evaluation reads, "" if not known
  const Point* point = nullptr;  ///< in the plan; null where only the index was asked
  PointState state = PointState::kNew;
  std::string cause;       ///< as in Point
  bool evaluates = false;  ///< the run that counts is the evaluation, not the training
  Standing run;            ///< of the run that counts; of a point that is done or blocked: nothing

  std::string kind() const { return evaluates ? "evaluation" : "training"; }
  const std::string& id() const { return evaluates ? evaluation : training; }
  fs::path folder(const Workspace& workspace) const {
    return evaluates ? workspace.evaluation(evaluation) : workspace.training(training);
  }
  /// "silent": of the run that counts, or "blocked".
  std::string_view state_word() const;
};

/// Reads how the points stand that are neither done nor blocked. Raises kMachine where a folder is
/// damaged.
void look_at(std::vector<PointView>& points, const Workspace& workspace);

/// The points of a plan whose ids and states are known, in its order. Valid while the plan is.
std::vector<PointView> points_of(const Plan& plan, const Workspace& workspace);
/// Points of the index.
std::vector<PointView> points_of(const std::vector<ExperimentPoint>& points,
                                 const Workspace& workspace);

/// Takes in what schedulers say of the open jobs (settle). One that does not answer is a warning.
void look_at_jobs(const Workspace& workspace);

/// What `xp COMMAND [FILE] [SELECTOR...]` is about.
struct OpenPoints {
  std::optional<Experiment> experiment;  ///< of FILE
  std::vector<PointView> points;
};

/// Looks at the jobs first. Nothing where FILE has mistakes, which are printed: the exit code is
/// then Exit::kSpec.
std::optional<OpenPoints> open_points(const Options& options);

/// The index of the workspace with everything folded in; problems are printed.
Store open_store(const Workspace& workspace);

}  // namespace xp
