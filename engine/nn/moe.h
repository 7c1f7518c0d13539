// What routers and exchanges share: slots, the gate's balance loss, and the exchange of rows with
// experts.
//
// Shapes: T tokens, D width, E experts of the group, X experts on this rank, K choices, N kept
// rows, M rows that arrive at this rank's experts.
#pragma once

#include "engine/comm/group.h"
#include "registry/router.h"

#include <torch/types.h>

#include <functional>
#include <map>
#include <string>

namespace xp {

/// Slots per expert for T tokens when each token makes `choices` choices; T means dropless.
/// Training: int(choices * ceil(T / E) * factor); evaluation with fraction > 0: ceil(fraction * T)
/// (seed 2.1, 2.2).
int64_t capacity_slots(const CapacityRule& rule, int64_t choices, int64_t T, int64_t E);

/// Who gets a slot, from a counting pass in priority order: all first choices, then all second
/// choices.
struct Slots {
  torch::Tensor
      order_N;  ///< int64: kept choices as k * T + token, grouped by expert, in slot order
  torch::Tensor kept_KT;  ///< bool
  torch::Tensor count_E;  ///< int64, CPU: kept rows of each expert
};

/// `expert_KT` holds the expert of choice k of each token, or E for no choice. `priority_T` is a
/// permutation of the tokens (who is served first), or undefined for token order. Cost: one stable
/// sort of K x T integers.
Slots assign_slots(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                   int64_t capacity);

/// E * sum_e (mean probability of e) * (share of tokens that choose e first); 1 when uniform, 0
/// without tokens.
torch::Tensor balance_loss(const torch::Tensor& probability_TE, const torch::Tensor& first_T);

/// The figures of a gate (seed 2.1): entropy, overflow and unused experts of each choice, balance,
/// unrouted.
std::map<std::string, double> gate_metrics(const torch::Tensor& probability_TE,
                                           const torch::Tensor& expert_KT,
                                           const torch::Tensor& kept_KT);

/// Runs `index`-th local expert on rows [n, D].
using ExpertFunction = std::function<torch::Tensor(int64_t index, const torch::Tensor& rows)>;

/// Sends each routed row to its expert, runs the experts, brings the rows home and adds them up
/// with their weights: [T, D], zero rows for unrouted tokens. Experts of the group are numbered
/// rank-major. Collective over `group`; counts go first, then exactly the rows that exist. Cost: 2
/// x N x D values on the links, as much again backward.
torch::Tensor exchange_with_experts(const torch::Tensor& x_TD, const Routing& routing, Group& group,
                                    int64_t experts_per_rank, const ExpertFunction& expert);

}  // namespace xp
