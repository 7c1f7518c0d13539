// Gradients by autograd against finite differences.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace xp {

/// The same random numbers each time, N(0, 1), in double precision.
inline torch::Tensor fixed_random(const std::vector<int64_t>& shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed), torch::kDouble);
}

/// The largest difference between the gradient of a weighted sum of `f()` by autograd and by
/// central differences, over all values of `inputs`: leaves of type double that `f` reads. Cost:
/// two calls of `f` for each value.
inline double gradient_error(const std::function<torch::Tensor()>& f,
                             const std::vector<torch::Tensor>& inputs) {
  constexpr double kStep = 1e-6;
  const auto objective = [&f] {
    const auto y = f();
    return (y * fixed_random(y.sizes().vec(), 99)).sum();
  };
  objective().backward();
  double worst = 0;
  for (auto input : inputs) {
    const auto gradient = input.grad().contiguous().view(-1);
    const torch::NoGradGuard no_grad;
    auto values = input.view(-1);
    for (int64_t i = 0; i < values.numel(); ++i) {
      const double kept = values[i].item<double>();
      const auto at = [&](double value) {
        values[i] = value;
        return objective().item<double>();
      };
      const double slope = (at(kept + kStep) - at(kept - kStep)) / (2 * kStep);
      values[i] = kept;
      worst = std::max(worst, std::abs(slope - gradient[i].item<double>()));
    }
  }
  return worst;
}

}  // namespace xp
