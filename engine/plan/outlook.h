// What is left to do of a plan: what other experiments share, and how long the rest will take,
// estimated from finished runs of the same shape.
#pragma once

#include "engine/plan/plan.h"

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

/// The predicted step time of each point: the median of finished trainings of its shape, of this
/// plan and of the workspace's other experiments, on its machine (on all machines if it has not
/// run), without itself; nothing if there are none. `pace` returns the speed of a training, if
/// known.
std::vector<std::optional<double>> step_forecast(
    const Plan& plan, const Workspace& workspace,
    const std::function<std::optional<Pace>(const std::string& training)>& pace);

}  // namespace xp
