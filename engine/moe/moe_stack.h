// All MoE layers of an encoder or decoder, one after the other without attention between them, with
// token clustering or without (predecessor.md 4.3).
#pragma once

#include "engine/moe/blocks.h"
#include "engine/moe/token_cluster.h"

#include <memory>
#include <string>
#include <vector>

namespace xp {

class MoeStack : public torch::nn::Module {
 public:
  /// `cluster` replaces the first MoE layer, and the rows stay with the ranks of its experts until
  /// the last layer; null: `layers` only.
  MoeStack(std::shared_ptr<TokenCluster> cluster,
           std::vector<std::shared_ptr<FeedForwardBlock>> layers, Compatibility compatibility);

  /// [B, L, D] -> the same shape. Pads' rows pass unchanged. Collective.
  torch::Tensor forward(const torch::Tensor& h_BLD, const RealTokens& real);
  /// The same of rows without pads, [T, D], without gradient. Collective.
  torch::Tensor infer(const torch::Tensor& h_TD);
  /// Takes part in the exchanges without tokens; a zero that carries the gradient graph.
  torch::Tensor idle(int64_t width);

  TokenCluster* cluster() const { return cluster_.get(); }
  const std::vector<std::shared_ptr<FeedForwardBlock>>& layers() const { return layers_; }

 private:
  torch::Tensor on_rows(const Rows& rows, int64_t length);

  std::shared_ptr<TokenCluster> cluster_;
  std::vector<std::shared_ptr<FeedForwardBlock>> layers_;
  Compatibility compatibility_;
};

}  // namespace xp
