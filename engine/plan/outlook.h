// What is left to do of a plan: what other experiments share, and how long the rest will take,
// estimated from finished runs of the same shape.
#pragma once

#include "engine/plan/plan.h"
#include "engine/plan/step_model.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// What is left to do of one point.
struct PointOutlook {
  std::string shape;  ///< equal for points whose updates cost the same on the same devices
  std::string evaluation_shape;      ///< equal for points whose evaluations cost the same there
  std::vector<std::string> also_in;  ///< other experiments that have this training
  std::optional<double> seconds;     ///< estimate for the training, if it is not done
  std::optional<double> evaluation_seconds;  ///< the same of the evaluation
};

struct Outlook {
  std::vector<PointOutlook> points;      ///< as in the plan
  size_t trainings = 0;                  ///< distinct ones
  size_t trainings_left = 0;             ///< of those not done
  size_t evaluations_left = 0;           ///< distinct ones that are not done
  size_t estimated = 0;                  ///< of all that are left
  size_t sources = 0;                    ///< finished runs that the estimates are from
  double seconds = 0, device_hours = 0;  ///< of all that are estimated, one after the other

  /// "2 of 3 trainings left, 4 evaluations left; about 2 h 10 min, 8.7 device-hours, estimated from
  /// 3 finished runs of the same shape".
  std::string sentence() const;
};

/// Reads the plans of the other experiments and finished runs. Needs ids and states.
Outlook outlook(const Plan& plan, const Workspace& workspace);

/// The speed of a finished training.
struct Pace {
  std::string machine;  ///< as in StoredRun
  double step_ms = 0;
};

/// What is expected of a point's updates.
struct StepForecast {
  std::optional<double> step_ms;
  std::optional<StepPrediction> parts;  ///< by the probe of its layout, before any run corrects it
};

/// The step time of each point: the median of finished trainings of its shape, of this plan and of
/// the workspace's other experiments, on its machine (on all machines if it has not run), without
/// itself. If there are none, what the probe of its layout predicts, times the median of what
/// others of the plan took of their predictions; nothing if there is no probe. `pace` returns the
/// speed of a training, if known.
std::vector<StepForecast> step_forecast(
    const Plan& plan, const Workspace& workspace,
    const std::function<std::optional<Pace>(const std::string& training)>& pace);

/// The speed of a finished training as its folder says, on an unnamed machine.
std::optional<Pace> recorded_pace(const Workspace& workspace, const std::string& training);

}  // namespace xp
