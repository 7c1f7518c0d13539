// Kind `optimizer`: gradients to new parameters, on flat buffers.
#pragma once

#include "registry/registry.h"

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>

namespace xp {

/// The state of one flat buffer of parameters: named tensors of the buffer's size, made zero.
using OptimizerState = std::map<std::string, torch::Tensor>;

/// An optimizer declares the figure `state_values`, which planning asks for (registry/relations.h).
struct Optimizer {
  static constexpr const char* kKind = "optimizer";
  virtual ~Optimizer() = default;
  virtual double lr() const = 0;  ///< the peak learning rate
  /// Names of the state tensors an update needs.
  virtual std::vector<std::string> state_names() const = 0;
  /// One update in place. `gradient` is final (scaled and clipped); `update` counts from 1.
  /// Elementwise: a buffer may be cut anywhere without changing the result.
  virtual void apply(torch::Tensor& parameters, const torch::Tensor& gradient,
                     OptimizerState& state, int64_t update, double lr) const = 0;
};

}  // namespace xp
