// The plain layers of a transformer: linear maps, normalisation, feed-forward, embeddings.
//
// Shapes: D model width, F inner width, V vocabulary; "..." any leading dimensions.
#pragma once

#include "engine/nn/init.h"

#include <torch/nn/module.h>
#include <torch/types.h>

namespace xp {

/// y = x W' + b.
class Linear : public torch::nn::Module {
 public:
  /// Weights and bias U(-bound, bound), the bias zero if `zero_bias`; bound 0 means 1 /
  /// sqrt(in).
  Linear(int64_t in, int64_t out, const Init& init, double bound = 0, bool zero_bias = false);
  torch::Tensor forward(const torch::Tensor& x) const;  ///< [..., in] -> [..., out]
  torch::Tensor weight, bias;
};

/// Layer normalisation over the last dimension, eps 1e-5.
class Norm : public torch::nn::Module {
 public:
  explicit Norm(int64_t width);
  torch::Tensor forward(const torch::Tensor& x) const;
  torch::Tensor weight, bias;
};

/// W2 relu(W1 x): the inner layer of a transformer block, and an expert.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(int64_t width, int64_t inner, const Init& init);
  torch::Tensor forward(const torch::Tensor& x) const;  ///< [..., D] -> [..., D]; no dropout

 private:
  std::shared_ptr<Linear> first_, second_;
};

/// Pieces to vectors: table row x sqrt(D) + sinusoidal position (predecessor.md 6.1: [sin | cos],
/// first position 2).
class Embedding : public torch::nn::Module {
 public:
  Embedding(int64_t vocabulary, int64_t width, const Init& init);
  /// [B, L] -> [B, L, D]; `offset` is the position of the first column.
  torch::Tensor forward(const torch::Tensor& piece_BL, int64_t offset = 0);
  /// The same, but pads on either side take no position, as in the predecessor.
  torch::Tensor forward_around_pads(const torch::Tensor& piece_BL);
  torch::Tensor weight;  ///< [V, D], the row of <pad> zero

 private:
  void prepare(int64_t positions);
  torch::Tensor position_PD_;  ///< grows as needed
};

}  // namespace xp
