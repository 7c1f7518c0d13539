// Asks the driver only if a point may use a GPU of this machine.
#include "engine/cli/points/devices.h"

#include "engine/base/devices.h"
#include "engine/cli/points/programs.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

std::string device_of(const Point& point) {
  return point.settings().value("launch.device", "auto");
}

bool is_on_this_machine(const Point& point) {
  return point.settings().value("launch.use", "") == "local";
}

bool has_module() {
  return has_accelerator(engine_file(), "cuda");
}

std::string no_gpu() {
  return gpus().problem.empty() ? "its NVIDIA driver knows none" : gpus().problem;
}

// "" if nothing is wrong.
DeviceProblem problem_of(const Point& point) {
  const std::string device = device_of(point);
  if (device == "cuda" && !has_module()) {
    return {{"launch.device"},
            fmt::format("'device' is \"cuda\", but this xp-engine computes on the CPU only: '{}' "
                        "is not there; build it with `scripts/setup.sh cuda`, or use \"auto\" or "
                        "\"cpu\"",
                        accelerator_module(engine_file(), "cuda").string())};
  }
  if (!is_on_this_machine(point)) return {};
  if (device == "cuda" && gpus().gpus.empty()) {
    return {{"launch.device"},
            fmt::format("'device' is \"cuda\", but this machine has no GPU: {}; use \"auto\" or "
                        "\"cpu\", or a launcher that reaches machines with GPUs",
                        no_gpu())};
  }
  const bool wants_fp16 = point.settings().value("train.precision", "") == "fp16";
  if (wants_fp16 && device == "auto" && is_on_this_cpu(point)) {
    return {{"train.precision", "launch.device"},
            fmt::format("'precision' is \"fp16\", which needs a GPU, but this machine computes on "
                        "its processors: {}; use \"bf16\" or \"fp32\"",
                        has_module() ? no_gpu() : "this xp-engine has no module for GPUs")};
  }
  return {};
}

}  // namespace

const GpuReport& gpus() {
  static const GpuReport report = gpu_report();
  return report;
}

bool is_on_these_gpus(const Point& point) {
  const std::string device = device_of(point);
  const bool may_use = device == "cuda" || (device == "auto" && has_module());
  return is_on_this_machine(point) && may_use && !gpus().gpus.empty();
}

bool is_on_this_cpu(const Point& point) {
  return is_on_this_machine(point) && device_of(point) != "cuda" && !is_on_these_gpus(point);
}

std::vector<DeviceProblem> device_problems(const Plan& plan) {
  std::vector<DeviceProblem> out;
  for (const auto& point : plan.points) {
    if (point.training == State::kDone && point.evaluation == State::kDone) continue;
    DeviceProblem problem = problem_of(point);
    const bool is_known =
        problem.sentence.empty() || std::any_of(out.begin(), out.end(), [&](const auto& known) {
          return known.sentence == problem.sentence;
        });
    if (!is_known) out.push_back(std::move(problem));
  }
  return out;
}

}  // namespace xp
