// Output projection and cross entropy in one step, without a T x V tensor of logits.
//
// Shapes: T tokens, D width, V vocabulary.
#pragma once

#include <torch/types.h>

namespace xp {

struct CrossEntropy {
  torch::Tensor
      objective;      ///< sum over tokens of the smoothed loss, in nats; differentiable scalar
  torch::Tensor nll;  ///< sum of -log p(target), in nats; no gradient
};

/// p = softmax(h W'); objective = (1 - smoothing) * nll + smoothing * (mean over the other pieces
/// of -log p), summed: fairseq's label smoothing. LibTorch's spreads the share over all V pieces.
/// Computed in float32, a few hundred tokens at a time, with its gradient (p - q) while the logits
/// are in the cache. Memory: the gradients of h_TD and output_VD beside one piece of logits.
CrossEntropy cross_entropy(const torch::Tensor& h_TD, const torch::Tensor& output_VD,
                           const torch::Tensor& target_T, double smoothing);

}  // namespace xp
