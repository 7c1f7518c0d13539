// Layers take turns, so that a clock that changes hits all of them.
#include "bench/gpu/speed.h"

#include "engine/device/accelerator.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <functional>

namespace xp {
namespace {

constexpr int64_t kWarm = 3;

// Milliseconds of `work`: those of the device, or of the host if that computes.
double timed(const std::function<void()>& work) {
  const auto device = computing_device();
  if (device.is_cpu()) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  }
  const c10::impl::VirtualGuardImpl guard(device.type());
  c10::Event begin(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(guard.getStream(device));
  work();
  end.record(guard.getStream(device));
  end.synchronize();
  return begin.elapsedTime(end);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Layer>
std::function<void()> step_of(Layer& layer, const torch::Tensor& x, const torch::Tensor& dy) {
  return [&layer, x, dy]() mutable {
    layer.weights.clear_gradients();
    x.mutable_grad().reset();
    layer.forward(x).backward(dy);
  };
}

}  // namespace

Value measured_layers(const LayerShape& shape, int64_t rounds) {
  torch::manual_seed(1);
  auto x = torch::randn({shape.tokens, shape.width}).to(computing_device()).to(torch::kBFloat16);
  const auto dy = torch::randn_like(x);
  x.set_requires_grad(true);
  MoeOperators moe(shape);
  DenseLayer dense(shape);
  OneHotLayer one_hot(shape);
  const std::vector<std::pair<const char*, std::function<void()>>> steps = {
      {"dense", step_of(dense, x, dy)},
      {"moe", step_of(moe, x, dy)},
      {"one_hot", step_of(one_hot, x, dy)}};
  std::vector<std::vector<double>> times(steps.size());
  for (int64_t round = -kWarm; round < rounds; ++round) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const double ms = timed(steps[i].second);
      if (round >= 0) times[i].push_back(ms);
    }
  }
  Value out = Value::object();
  for (size_t i = 0; i < steps.size(); ++i)
    out[std::string(steps[i].first) + "_ms"] = median(times[i]);
  out["moe_of_dense"] = out["dense_ms"].get<double>() / out["moe_ms"].get<double>();
  out["moe_of_one_hot"] = out["one_hot_ms"].get<double>() / out["moe_ms"].get<double>();
  out["moe_tflops"] = 1e-9 * shape.flops() / out["moe_ms"].get<double>();
  return out;
}

}  // namespace xp
