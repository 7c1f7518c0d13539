// The layers that are measured against each other, on the computing device in bfloat16: an MoE
// layer made of xp's operators, a dense layer of the same products, and the layer of one-hot
// tensors.
//
// Shapes: T tokens, D width, F inner width, E experts, C slots of each, top-2.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace xp {

struct LayerShape {
  int64_t tokens = 8192, width = 1024, inner = 4096, experts = 8;
  int64_t slots() const { return (2 * tokens + experts - 1) / experts; }
  /// Of the products of experts, forward and backward.
  double flops() const {
    return 12.0 * static_cast<double>(experts * slots()) * static_cast<double>(width) *
           static_cast<double>(inner);
  }
};

/// What all have: a gate, and two matrices and biases for each expert.
struct LayerWeights {
  explicit LayerWeights(const LayerShape& shape, int64_t experts);
  void clear_gradients();
  torch::Tensor gate_ED;
  std::vector<torch::Tensor> in_X, in_bias_X, out_X, out_bias_X;
};

/// Slots by xp's counting, rows by index, products of groups.
class MoeOperators {
 public:
  explicit MoeOperators(const LayerShape& shape);
  torch::Tensor forward(const torch::Tensor& x_TD) const;
  LayerWeights weights;

 private:
  LayerShape shape_;
};

/// A feed-forward layer of twice the inner width, which has the same products.
class DenseLayer {
 public:
  explicit DenseLayer(const LayerShape& shape);
  torch::Tensor forward(const torch::Tensor& x_TD) const;
  LayerWeights weights;
};

/// GShard's formulation (Lepikhin et al. 2020, https://arxiv.org/abs/2006.16668, algorithm 1):
/// tensors [T, E, C] that say which token is in which slot, multiplied with the rows.
class OneHotLayer {
 public:
  explicit OneHotLayer(const LayerShape& shape);
  torch::Tensor forward(const torch::Tensor& x_TD) const;
  LayerWeights weights;

 private:
  LayerShape shape_;
};

}  // namespace xp
