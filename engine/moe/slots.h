// What routers share: slots per expert, who gets one, the gate's balance loss and figures.
//
// Shapes: T tokens, E experts of the group, K choices, N kept rows.
#pragma once

#include "registry/router.h"

#include <torch/types.h>

#include <map>
#include <string>

namespace xp {

/// Slots per expert for T tokens when each token makes `choices` choices; T means dropless.
/// Training: int(choices * ceil(T / E) * factor); evaluation with fraction > 0: ceil(fraction * T)
/// (predecessor.md 2.1, 2.2).
int64_t capacity_slots(const CapacityRule& rule, int64_t choices, int64_t T, int64_t E);

/// The choices that get a slot, in priority order: all first choices, then all second choices.
struct Slots {
  torch::Tensor order_N;      ///< int64: kept choices as k * T + token, grouped by expert, in slot
                              ///< order; on a device -1: a slot of nobody
  torch::Tensor kept_KT;      ///< bool
  torch::Tensor count_E;      ///< int64, in the host's memory: rows of each expert
  torch::Tensor kept_E = {};  ///< see Routing
  int64_t num_tokens = 0;

  torch::Tensor token_N() const;  ///< the token of each row
  /// The weight of each row, 0 for nobody's.
  torch::Tensor weight_N(const torch::Tensor& weight_KT) const;
};

/// `expert_KT` holds the expert of choice k of each token, or E for no choice. `priority_T` is a
/// permutation of the tokens (who is served first), or undefined for token order. Cost: one stable
/// sort of K x T integers.
///
/// On a device the rows of an expert are its slots if there are few, or not many more than choices:
/// the host then knows how many rows there are. Else it reads the counts of the experts, once.
Slots assign_slots(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                   int64_t capacity);

/// Tokens by falling largest probability; undefined (token order) if not `prioritized`.
torch::Tensor priority(const torch::Tensor& probability_TE, bool prioritized);

/// Turns the choices of pads into "no choice" (E); `pad_T` may be undefined.
torch::Tensor without_pads(const torch::Tensor& expert_KT, const torch::Tensor& pad_T, int64_t E);

/// E * sum_e (mean probability of e) * (share of tokens that choose e first); 1 when uniform, 0
/// without tokens. Pads count in the means and choose nothing.
torch::Tensor balance_loss(const torch::Tensor& probability_TE, const torch::Tensor& first_T);

/// The figures of a gate (predecessor.md 2.1): entropy, overflow and unused experts of each
/// choice, balance, unrouted. `raw_KT` holds what every row would choose, pads and lost second
/// choices included.
GateFigures gate_metrics(const torch::Tensor& probability_TE, const torch::Tensor& raw_KT,
                         const torch::Tensor& expert_KT, const torch::Tensor& kept_KT,
                         const torch::Tensor& pad_T);

/// How often each of 0 .. `bins` - 1 occurs among integers, int64, without asking a device.
torch::Tensor counted(const torch::Tensor& integers, int64_t bins);

}  // namespace xp
