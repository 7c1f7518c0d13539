// Encoder and decoder layers: attention, then a feed-forward or an MoE layer, each with norm,
// dropout and residual.
//
// Shapes: B sentences, S source length, L target length, T real tokens, D width, R rows being
// decoded.
#pragma once

#include "engine/moe/moe_layer.h"
#include "engine/nn/attention.h"
#include "engine/nn/layers.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>

namespace xp {

struct BlockShape {
  int64_t width, inner, heads;
  double dropout, attention_dropout;
  bool pre_norm;
  Compatibility compatibility = Compatibility::kNone;
  /// Attention and FFNs are computed again in the backward pass; MoE layers, which act together
  /// with other ranks, are not.
  bool recomputes = false;
};

/// The real tokens among B x L padded positions.
struct RealTokens {
  torch::Tensor index_T;  ///< rows of the flattened [B * L]; undefined if nothing is padded
};

/// The rows of h that an MoE layer sees: the real tokens, or (kSeed) all with a mask of the pads.
Rows take_rows(const torch::Tensor& h_BLD, const RealTokens& real, Compatibility compatibility);
/// h with those rows replaced.
torch::Tensor put_rows(const torch::Tensor& h_BLD, const RealTokens& real,
                       const torch::Tensor& rows_TD, Compatibility compatibility);

/// The position-wise sublayer: a feed-forward layer, or an MoE layer if `moe` is given.
class FeedForwardBlock : public torch::nn::Module {
 public:
  FeedForwardBlock(const BlockShape& shape, std::shared_ptr<MoeLayer> moe, const Init& init);
  /// h + dropout(f(norm(h))) (pre-norm). Pads' rows pass an MoE layer unchanged.
  torch::Tensor forward(const torch::Tensor& h_BLD, const RealTokens& real);
  /// The same on the rows of an MoE layer: [T, D].
  torch::Tensor on_rows(const Rows& rows);
  /// The same of rows without pads, [T, D], without gradient.
  torch::Tensor infer(const torch::Tensor& h_TD);
  /// Takes part in the other ranks' exchange without tokens; a zero that carries the gradient
  /// graph.
  torch::Tensor idle();
  MoeLayer* moe() const { return moe_.get(); }

 private:
  BlockShape shape_;
  std::shared_ptr<Norm> norm_;
  std::shared_ptr<FeedForward> ffn_;
  std::shared_ptr<MoeLayer> moe_;
};

/// Which position-wise sublayer a layer has.
struct PositionWise {
  bool exists = true;             ///< false: attention only, because the MoE layers come last
  std::shared_ptr<MoeLayer> moe;  ///< null: an FFN
};

class EncoderLayer : public torch::nn::Module {
 public:
  EncoderLayer(const BlockShape& shape, const PositionWise& position_wise, const Init& init);
  torch::Tensor forward(const torch::Tensor& h_BSD, const torch::Tensor& mask,
                        const RealTokens& real);
  /// The same of rows without pads, [T, D], without gradient. Leaves their keys and values in the
  /// cache's layer 0.
  torch::Tensor infer(const torch::Tensor& h_TD, const CachedRows& rows);
  FeedForwardBlock* feed_forward() {
    return feed_forward_.get();
  }  ///< null if there is attention only

 private:
  torch::Tensor attend(const torch::Tensor& h_BSD, const torch::Tensor& mask) const;

  BlockShape shape_;
  std::shared_ptr<Norm> norm_;
  std::shared_ptr<SelfAttention> attention_;
  std::shared_ptr<FeedForwardBlock> feed_forward_;
};

class DecoderLayer : public torch::nn::Module {
 public:
  DecoderLayer(const BlockShape& shape, const PositionWise& position_wise, const Init& init);
  /// `target_mask` hides pads from the queries among them ([B, 1, L, L], 0 or -inf, causal too);
  /// undefined if no layer reads the rows of pads: in right-padded rows no token sees a pad.
  torch::Tensor forward(const torch::Tensor& h_BLD, const torch::Tensor& memory_BSD,
                        const torch::Tensor& mask, const torch::Tensor& target_mask,
                        const RealTokens& real);
  /// Leaves what decoding needs of encoded pieces, [T, D], in their T cells.
  void remember(const torch::Tensor& memory_TD, const Cells& cells, DecodeCache& cache,
                int64_t layer) const {
    cross_->remember(memory_TD, cells, cache, layer);
  }
  /// One piece per row, [R, D], without gradient. `own` are the cells of each row's pieces,
  /// `memory` those of its source.
  torch::Tensor step(const torch::Tensor& h_RD, const CachedRows& own, const CachedRows& memory,
                     int64_t layer);
  FeedForwardBlock* feed_forward() {
    return feed_forward_.get();
  }  ///< null if there is attention only

 private:
  torch::Tensor attend(const torch::Tensor& h_BLD, const torch::Tensor& memory_BSD,
                       const torch::Tensor& mask, const torch::Tensor& target_mask) const;

  BlockShape shape_;
  std::shared_ptr<Norm> self_norm_, cross_norm_;
  std::shared_ptr<SelfAttention> self_;
  std::shared_ptr<CrossAttention> cross_;
  std::shared_ptr<FeedForwardBlock> feed_forward_;
};

}  // namespace xp
