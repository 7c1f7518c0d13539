// Which device of this machine a point computes on, and what keeps it from that.
#pragma once

#include "engine/launch/gpus.h"
#include "engine/plan/plan.h"

#include <string>
#include <vector>

namespace xp {

/// The GPUs of this machine. Cost: those of gpu_report at the first call.
const GpuReport& gpus();

/// Whether the point's ranks are processes of this machine, on its GPUs or its processors.
bool is_on_these_gpus(const Point& point);
bool is_on_this_cpu(const Point& point);

struct DeviceProblem {
  std::vector<std::string> settings;  ///< that ask for the device
  std::string sentence;
};

/// Why points with work left cannot compute on the device that they ask for, each reason once:
/// xp-engine has no module for it, or this machine has no GPU. What machines of a cluster have is
/// not known here.
std::vector<DeviceProblem> device_problems(const Plan& plan);

}  // namespace xp
