// Activation checkpointing: what a block computes on the way is not kept for the backward pass, but
// computed again there.
// Source: Chen et al. 2016, https://arxiv.org/abs/1604.06174.
#pragma once

#include <torch/types.h>

#include <functional>

namespace xp {

/// A function of two tensors, of which the second may be undefined, and of parameters.
using Block = std::function<torch::Tensor(const torch::Tensor& x, const torch::Tensor& y)>;

/// block(x, y), to the bit, with the same gradients: the second computation draws the same dropout
/// masks and random numbers and uses the same autocast. Without gradients it is one call. The block
/// must not act together with other ranks, count its calls or change state. Raises as the block
/// does. Cost: a forward pass more; keeps x and y.
torch::Tensor recomputed(const Block& block, const torch::Tensor& x, const torch::Tensor& y = {});

}  // namespace xp
