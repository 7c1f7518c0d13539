// Without a driver the runtime itself says that the driver is too old.
#include "engine/cuda/portable/driver_answer.h"

#include <fmt/format.h>

namespace xp {
namespace {

std::string version(int64_t number) {
  return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

// The first driver of Linux for a version of CUDA; minor versions of CUDA share it.
std::string needed_driver(int64_t runtime) {
  switch (runtime / 1000) {
    case 12:
      return "525.60 or later";
    case 13:
      return "580.65 or later";
    default:
      return "of CUDA " + version(runtime);
  }
}

constexpr const char* kElse = "or set device = \"cpu\" in [launch]";

}  // namespace

std::string driver_problem(const DriverAnswer& answer) {
  if (answer.driver == 0) {
    return fmt::format("there is no NVIDIA driver on this machine; install one ({}), {}",
                       needed_driver(answer.runtime), kElse);
  }
  if (answer.driver / 1000 < answer.runtime / 1000) {
    return fmt::format(
        "the NVIDIA driver supports CUDA {}, but this build needs {}; install a driver {}, {}",
        version(answer.driver), version(answer.runtime), needed_driver(answer.runtime), kElse);
  }
  if (answer.devices > 0 && answer.error.empty()) return "";
  if (answer.hides) {
    return fmt::format("CUDA_VISIBLE_DEVICES is '{}', which leaves no GPU; unset it, {}",
                       answer.visible, kElse);
  }
  return fmt::format("the NVIDIA driver has no GPU: {}; see `nvidia-smi`, {}",
                     answer.error.empty() ? "none was found" : answer.error, kElse);
}

}  // namespace xp
