// Assigns tokens to groups of equal size, by an auction.
// Source: Bertsekas 1992, "Auction algorithms for network flow problems"; as in BASE layers, Lewis
// et al. 2021, https://arxiv.org/abs/2103.16716; the predecessor's variant (predecessor.md 4.3).
//
// Shapes: T tokens, K groups.
#pragma once

#include <torch/types.h>

namespace xp {

/// A permutation of the tokens, group after group; group k gets size_K[k] of them.
struct Assignment {
  torch::Tensor order_T;  ///< int64, on the scores' device
  torch::Tensor size_K;   ///< int64, CPU
};

/// Nearly maximises the sum of score_TK[t, group of t]; no group gets more than ceil(T / K). Scores
/// that are not finite count as the smallest finite one. Always a permutation: tokens that are
/// still contested after a bounded number of rounds are assigned by falling score. Cost: a round is
/// one top-k of K x T; 2 to 20 are usual. No gradient. A device is asked for the sizes, and only if
/// K does not divide T.
Assignment balanced_assignment(const torch::Tensor& score_TK);

/// Each token to the group with its largest score; group sizes may differ.
Assignment greedy_assignment(const torch::Tensor& score_TK);

}  // namespace xp
