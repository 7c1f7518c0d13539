// Dropout whose masks are functions of a stream and an index: equal on any number of threads, and
// made again in the backward pass instead of kept.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace xp {

/// The masks of this thread's model: the n-th dropout after `seed_dropout` has the n-th mask of
/// that seed. A trainer seeds before every forward pass; without that, masks are those of seed 0.
void seed_dropout(uint64_t seed);

/// A position among the masks: those that follow it are functions of it.
struct DropoutPosition {
  uint64_t seed = 0, num_masks = 0;
};
DropoutPosition dropout_position();
void set_dropout_position(const DropoutPosition& position);

/// x with each element zeroed with probability `p`, else divided by 1 - p; x itself unless
/// `training` and p > 0. Shape: any. Cost: one pass over x, and one over its gradient.
torch::Tensor dropped(const torch::Tensor& x, double p, bool training);

/// h + dropped(x), in one pass. Shapes: equal.
torch::Tensor add_dropped(const torch::Tensor& h, const torch::Tensor& x, double p, bool training);

}  // namespace xp
