// Multi-head attention: over the sentence itself, and over the encoded source; whole or one piece
// at a time.
//
// Shapes: B sentences, L queries, S keys, D width, H heads, W = D / H, T pieces, R rows being
// decoded. Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2.
#pragma once

#include "engine/nn/decode_cache.h"
#include "engine/nn/layers.h"

#include <torch/nn/module.h>
#include <torch/types.h>

namespace xp {

/// Keys and values by head: [B, H, S, W].
struct KeysValues {
  torch::Tensor key, value;
};

struct AttentionShape {
  int64_t width, heads;
  double dropout = 0;  ///< of the attention weights
};

class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(const AttentionShape& shape, const Init& init);
  /// x_BLD -> [B, L, D]. `mask` is added to the scores ([B, 1, 1 or L, L], 0 or -inf); undefined if
  /// nothing is padded. `causal`, without a mask: a query sees itself and the positions before it.
  torch::Tensor forward(const torch::Tensor& x_BLD, const torch::Tensor& mask, bool causal) const;
  /// added + attention of one piece per row, [R, D], over the row's cells, after every row has left
  /// its key and value in its own. Without gradient.
  torch::Tensor step(const torch::Tensor& x_RD, const torch::Tensor& added_RD,
                     const CachedRows& rows, int64_t layer) const;

 private:
  AttentionShape shape_;
  std::shared_ptr<Linear> in_, out_;
};

class CrossAttention : public torch::nn::Module {
 public:
  CrossAttention(const AttentionShape& shape, const Init& init);
  KeysValues keys_values(const torch::Tensor& memory_BSD) const;
  /// x_BLD attends to B sentences.
  torch::Tensor forward(const torch::Tensor& x_BLD, const KeysValues& memory,
                        const torch::Tensor& mask) const;
  /// Leaves the keys and values of encoded pieces, [T, D], in their T cells.
  void remember(const torch::Tensor& memory_TD, const Cells& cells, DecodeCache& cache,
                int64_t layer) const;
  /// added + attention of one piece per row, [R, D], over the cells of its source. Without
  /// gradient.
  torch::Tensor step(const torch::Tensor& x_RD, const torch::Tensor& added_RD,
                     const CachedRows& rows, int64_t layer) const;

 private:
  AttentionShape shape_;
  std::shared_ptr<Linear> query_, memory_, out_;
};

}  // namespace xp
