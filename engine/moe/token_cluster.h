// Token clustering: the first MoE layer assigns similar tokens to the same expert, equally many to
// each, and they stay with their expert's rank through all MoE layers that follow. Source: Zeng and
// Xiong 2023, "SCoMoE", ICLR, section 3.3; the predecessor (predecessor.md 4.3).
//
// Shapes: T rows of this rank, M rows that arrive, D width, E experts, K groups (experts or nodes).
#pragma once

#include "engine/moe/experts.h"
#include "engine/moe/moe_layer.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

namespace xp {

/// [model.moe.token_cluster], and the place of the layer.
struct ClusterShape {
  std::string gate =
      "softmax";  ///< "softmax": differentiable sorting; "sigmoid": BASE layers' gate
  double temperature = 0.5;
  std::string evaluation = "greedy";  ///< "greedy": every row to the expert with its largest
                                      ///< score, whatever the batch; "balanced": as in training
  bool by_node = false;               ///< rows choose nodes, not experts
  bool in_decoder = false;
  bool pre_norm = true;
  double dropout = 0;
};

/// Rows of z in the order of an assignment. Backward as of the permutation H + Q - stopgrad(Q),
/// where row r of Q, in group k, is softmax_t(score_k / temperature) / size_k: one K x T x D
/// product, no T x T matrix. Rows' gradient is the inverse permutation's.
torch::Tensor sorted_rows(const torch::Tensor& z_TD, const torch::Tensor& score_TK,
                          const torch::Tensor& order_T, const torch::Tensor& size_K,
                          double temperature);

class TokenCluster : public torch::nn::Module {
 public:
  /// Collective. Raises kUser if a rank would hold no expert.
  TokenCluster(const MoeShape& shape, const ClusterShape& cluster, const Groups& groups,
               const Init& init);

  /// Rows at the ranks of their experts, and how they return.
  struct ClusteredRows {
    Rows rows;  ///< of other ranks, after this layer
    int64_t num_rows = 0;
    torch::Tensor order_T;
    std::vector<int64_t> sent, taken;
  };

  /// One row per position, sentence by sentence, `length` positions each. Collective.
  ClusteredRows dispatch(const Rows& home, int64_t length);
  /// Returns the rows to their ranks and places: [T, D]. Collective.
  torch::Tensor combine(const torch::Tensor& rows_MD, const ClusteredRows& clustered);

  std::map<std::string, double> take_metrics();
  /// See TranslationModel::take_sent; its one part is "cluster".
  std::map<std::string, SentRows> take_sent() { return {{"cluster", std::exchange(sent_, {})}}; }

 private:
  struct Sorted {
    torch::Tensor rows_TD, pad_T, order_T, count_E;
  };
  bool as_seed() const { return shape_.compatibility == Compatibility::kSeed; }
  torch::Tensor scores(const torch::Tensor& z_TD, const torch::Tensor& pad_T);
  Sorted sort_jointly(const torch::Tensor& rows_TD, const torch::Tensor& score_TK,
                      const torch::Tensor& pad_T) const;
  Sorted sort_by_position(const torch::Tensor& rows_TD, const torch::Tensor& score_TK,
                          const torch::Tensor& pad_T, int64_t length) const;
  torch::Tensor counts_of_experts(const torch::Tensor& size_K) const;
  torch::Tensor experts(const torch::Tensor& rows_MD, const torch::Tensor& start_X1);

  MoeShape shape_;
  ClusterShape cluster_;
  Groups groups_;
  Wire wire_;  ///< of rows; all of an exchange have the same
  torch::Tensor gate_ED_;
  std::shared_ptr<Norm> norm_;
  std::shared_ptr<Experts> experts_;
  Traffic traffic_;
  SentRows sent_;
  int64_t num_calls_ = 0;
};

}  // namespace xp
