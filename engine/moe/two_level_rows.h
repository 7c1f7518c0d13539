// Rows to experts of all nodes in two steps: a token crosses once to a node, whatever number of its
// experts live there, and its results come back as one row, their weighted sum.
//
// Tokens go to the rank with the same place in the other node, which routes them within that node.
// Rows for experts of the own node are on their way, and computed, while the others cross.
// Source: Nie et al. 2022, "HetuMoE", https://arxiv.org/abs/2203.14685 (two levels); "HierMoE",
// https://arxiv.org/abs/2508.09591 (a token once for each node).
//
// Shapes: T tokens, D width, N kept rows, X experts on this rank, Y on this node, M nodes, U rows
// that cross from this rank, C kept rows for experts of other nodes, V rows that cross to it.
#pragma once

#include "engine/moe/routed.h"

#include <optional>

namespace xp {

class TwoLevelRows final : public RoutedRows {
 public:
  /// `groups.peers` must span several nodes. `wire` is that of the rows that cross. The rest as
  /// DirectRows.
  TwoLevelRows(torch::Tensor x_TD, const Routing& routing, const Groups& groups,
               int64_t experts_per_rank, Traffic* traffic, Wire wire);
  Group& group() const override { return *groups_.world; }
  torch::Tensor counts() const override;
  void send(const torch::Tensor& arriving_RC) override;
  void run(const ExpertsFunction& experts) override;
  torch::Tensor finish() override;

 private:
  void pack(const Routing& routing, int64_t first_own, int64_t past_own);
  Routing routing_of(const torch::Tensor& choices_C3) const;

  torch::Tensor x_TD_;
  Groups groups_;
  int64_t experts_per_rank_;
  Traffic* traffic_;
  Wire wire_;
  torch::Tensor count_RX_;         // kept rows for each expert
  std::optional<DirectRows> own_;  // of this rank for this node
  torch::Tensor token_U_;          // in the order of the nodes
  torch::Tensor choices_C3_;       // weight, row within its node's rows, expert of the node
  std::vector<int64_t> sent_U_, sent_C_, taken_V_, taken_C_;  // by node
  RowsInFlight rows_, choices_;
  std::optional<DirectRows> forwarded_;  // that crossed, within this node
  torch::Tensor forwarded_GX_;           // how many of them come to this rank, by place and expert
};

}  // namespace xp
