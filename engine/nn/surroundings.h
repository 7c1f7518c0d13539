// What a computation depends on besides its arguments and parameters, so that it can be repeated,
// or interrupted and taken up again.
#pragma once

#include "engine/nn/dropout.h"

#include <torch/types.h>

namespace xp {

/// Whether this thread computes with autocast to bfloat16 on such devices.
bool casts_to_bf16(torch::DeviceType device);

/// Of one thread and the computing device: the streams of dropout masks and random numbers, whether
/// autocast and gradients are on.
class Surroundings {
 public:
  static Surroundings now();
  /// Those of now with streams of their own, which follow from those of now. Takes one mask, and
  /// one number of the host's stream.
  static Surroundings branch();
  void restore() const;
  bool has_autocast() const { return has_autocast_; }

 private:
  DropoutPosition masks_;
  torch::Tensor draws_;  // the generator's state
  bool has_autocast_ = false, has_gradients_ = true;
};

}  // namespace xp
