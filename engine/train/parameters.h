// A model's parameters and gradients in two flat buffers, so that they are reduced, clipped and
// updated in one go.
#pragma once

#include "registry/model.h"
#include "registry/optimizer.h"

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

namespace xp {

/// One flat buffer of parameters; the model's tensors are views of it.
struct FlatBuffer {
  std::vector<Parameter> parameters;  ///< views, in order
  torch::Tensor values;               ///< [n]
  torch::Tensor gradients;  ///< [n + tail]: the tail carries figures through the all-reduce
  OptimizerState state;
  int64_t size() const { return values.numel(); }
  torch::Tensor gradient() const { return gradients.slice(0, 0, size()); }
  torch::Tensor tail() const { return gradients.slice(0, size(), gradients.numel()); }
};

/// Shared parameters are equal on all ranks; experts live on one.
struct FlatParameters {
  FlatBuffer shared, experts;

  /// Moves the model's parameters into flat buffers (their tensors become views) and gives them
  /// gradients there. `tail` figures ride at the end of the shared gradients. State tensors start
  /// at zero.
  FlatParameters(TranslationModel& model, const std::vector<std::string>& state_names,
                 int64_t tail);

  void zero_gradients();
};

}  // namespace xp
