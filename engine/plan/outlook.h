// What a plan means in work: what is shared with other experiments, and how long the rest will
// take, judged by finished runs of the same shape. Where there are none nothing is claimed.
#pragma once

#include "engine/plan/plan.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// What is to come of one point.
struct PointOutlook {
  std::string shape;  ///< equal for points whose updates cost the same on the same devices
  std::string evaluation_shape;      ///< equal for points whose evaluations cost the same there
  std::vector<std::string> also_in;  ///< other experiments that have this training
  std::optional<double> seconds;     ///< of the training where it is not done, if it can be judged
  std::optional<double> evaluation_seconds;  ///< the same of the evaluation
};

struct Outlook {
  std::vector<PointOutlook> points;      ///< as in the plan
  size_t trainings = 0;                  ///< distinct ones
  size_t trainings_left = 0;             ///< of those not done
  size_t evaluations_left = 0;           ///< distinct ones that are not done
  size_t judged = 0;                     ///< of all that are left, with an estimate
  size_t witnesses = 0;                  ///< finished runs that estimates come from
  double seconds = 0, device_hours = 0;  ///< of all that are judged, one after the other

  /// "2 of 3 trainings left, 4 evaluations left; about 2 h 10 min, 8.7 device-hours, by 3 finished
  /// runs of the same shape".
  std::string sentence() const;
};

/// Looks at the other experiments of the workspace and at finished runs. Needs ids and states.
Outlook outlook(const Plan& plan, const Workspace& workspace);

/// How fast a finished training was.
struct Pace {
  std::string machine;  ///< as in StoredRun
  double step_ms = 0;
};

/// The step time of each point that finished trainings of its shape foretell, those of this plan
/// and of the workspace's other experiments: the median over those of its machine, or over all
/// where it has not run; itself left out. Nothing where there are none. `pace` gives what is known
/// of a training.
std::vector<std::optional<double>> step_forecast(
    const Plan& plan, const Workspace& workspace,
    const std::function<std::optional<Pace>(const std::string& training)>& pace);

}  // namespace xp
