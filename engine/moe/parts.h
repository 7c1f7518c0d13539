// The three parts of SCoMoE: rows of the rank, of the node, and of all ranks.
// Source: Zeng and Xiong 2023, "SCoMoE", ICLR, section 3.1; predecessor.md 4.2 and 5.
//
// Shapes: T tokens, D width, N nodes, G ranks per node, X experts per rank, E = N*G*X experts.
#pragma once

#include "engine/moe/routed.h"
#include "registry/exchange.h"

#include <torch/types.h>

#include <array>
#include <map>
#include <memory>
#include <string>

namespace xp {

enum Part : int { kLocal, kNode, kGlobal, kNumParts };
constexpr std::array<const char*, kNumParts> kPartNames = {"local", "node", "global"};

/// Shares of tokens or features; what is left of 1 is the global share.
struct Shares {
  double local = 0, node = 0;
};

/// On one node nothing can cross nodes: the node's share takes the rest (predecessor.md 4.1).
Shares on_topology(const Shares& shares, const Topology& topology);

/// Sizes of the parts of `total` tokens or features, differences of rounded borders: shares that
/// sum to 1 in decimals leave nothing to the global part.
std::array<int64_t, kNumParts> part_sizes(int64_t total, const Shares& shares);

/// Which parts exist. Follows from the shares alone, so that ranks with different tokens agree.
std::array<bool, kNumParts> parts_present(const Shares& shares);

/// This rank's slices of the gate's logits.
struct PartLogits {
  torch::Tensor own_TX, node_TY, all_TE;
  PartLogits(const MoeCall& call);
};

/// Runs the rank's own experts, without slots or balance loss. One expert takes the tokens
/// unweighted; of several the best two are mixed by the softmax of their logits.
torch::Tensor mix_locally(const torch::Tensor& x_TD, const torch::Tensor& logits_TX,
                          const ExpertsFunction& experts);

/// Part `part` of the experts of a call, which must outlive it.
ExpertsFunction experts_of(const MoeCall& call, int64_t part);

/// Tells call.count_rows which of the rank's experts tokens with these logits choose, on a device.
void count_local_rows(const MoeCall& call, const torch::Tensor& logits_TX);

/// The routed parts of a layer. All counts are one small exchange; then the rows of all parts
/// start, those that cross nodes first, before the layer waits for any.
class RoutedParts {
 public:
  explicit RoutedParts(const MoeCall& call) : call_(call) {}
  /// Routes x_KD by its logits within the node or the world; `tokens_K` picks the call's pads.
  void add(Part part, const torch::Tensor& x_KD, const torch::Tensor& logits_KE,
           const torch::Tensor& tokens_K);
  void send();
  /// Runs the part of `experts` (MoeCall::experts) that `expert_part` names on the rows that
  /// arrive, those of the node first; the results of each part.
  std::map<Part, torch::Tensor> finish(const std::function<int64_t(Part)>& expert_part);

  torch::Tensor balance_sum;  ///< of the routed parts; undefined without any
  GateFigures metrics;

 private:
  void count_sent(Part part, const RoutedRows& rows, const torch::Tensor& counts_RC) const;

  const MoeCall& call_;
  std::map<Part, std::unique_ptr<RoutedRows>> parts_;
  bool is_finite_ = true;
};

}  // namespace xp
