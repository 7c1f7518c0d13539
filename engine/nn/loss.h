// Cross entropy with label smoothing, in one pass over the logits.
//
// Shapes: T tokens, V vocabulary.
#pragma once

#include <torch/types.h>

namespace xp {

struct CrossEntropy {
  torch::Tensor
      objective;      ///< sum over tokens of the smoothed loss, in nats; differentiable scalar
  torch::Tensor nll;  ///< sum of -log p(target), in nats; no gradient
};

/// objective = (1 - smoothing) * nll + smoothing * mean over the vocabulary of -log p. Computed in
/// float32; the gradient is made with the loss. Memory: one T x V float tensor beside the logits.
CrossEntropy cross_entropy(const torch::Tensor& logits_TV, const torch::Tensor& target_T,
                           double smoothing);

}  // namespace xp
