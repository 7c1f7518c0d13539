// Operators that LibTorch does not have, or that would make the host wait for the device. Each is
// registered with LibTorch's dispatcher as xp::NAME: the implementation for the CPU defines the
// result, an accelerator's module adds its own. None reads a value of a device on the host.
//
// Shapes: T tokens, K choices per token, E experts, C slots of an expert, N rows, D width, X
// experts on this rank, O outputs, G groups of J jobs.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace xp {

/// Which choices get the slots of the experts.
struct SlotTable {
  torch::Tensor choice_EC;  ///< int64: k * T + token of the choice that has the slot; -1: nobody
  torch::Tensor kept_KT;    ///< bool: the choices that got a slot
  torch::Tensor count_E;    ///< int64, on the device: slots that are taken
};

/// xp::assign_slots(Tensor expert_KT, Tensor? priority_T, int E, int capacity)
///     -> (Tensor, Tensor, Tensor)
/// `expert_KT` is the expert of choice k of each token, or E for none. First choices are served
/// before second ones, tokens by `priority_T`, a permutation, or in their order if it is undefined.
SlotTable slot_table(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                     int64_t capacity);

/// xp::gather_rows(Tensor x_TD, Tensor token_N) -> Tensor
/// Row n is x[token[n]], zero if token[n] is -1: [N, D]. Differentiable.
torch::Tensor gather_rows(const torch::Tensor& x_TD, const torch::Tensor& token_N);

/// xp::scatter_rows(Tensor rows_ND, Tensor token_N, Tensor weight_N, int T) -> Tensor
/// y[token[n]] += weight[n] * row n, in the order of n, summed in float32 (in float64 if rows are);
/// -1 adds nothing. Of the rows' type: [T, D]. Differentiable in rows and weights.
torch::Tensor scatter_rows(const torch::Tensor& rows_ND, const torch::Tensor& token_N,
                           const torch::Tensor& weight_N, int64_t T);
// xp::scatter_rows_backward(Tensor dy_TD, Tensor rows_ND, Tensor token_N, Tensor weight_N)
//     -> (Tensor, Tensor)
// The gradients of the rows and of the weights, of their types.

/// xp::grouped_product(Tensor rows_ND, Tensor[] weight_X, Tensor[] bias_X, Tensor start_X1)
///     -> Tensor
/// Rows start[i] to start[i + 1] - 1 times the transpose of weight i, [O, D], plus bias i, [O];
/// rows outside of all groups are zero: [N, O]. `start_X1` is int64 and rises; without biases the
/// list is empty. Differentiable in rows, weights and biases. Under autocast in its type, as a
/// linear layer is. The operator gets slices of one tensor [X, O, D]: cost, besides the products,
/// one copy of the weights.
torch::Tensor grouped_product(const torch::Tensor& rows_ND,
                              const std::vector<torch::Tensor>& weight_X,
                              const std::vector<torch::Tensor>& bias_X,
                              const torch::Tensor& start_X1);
// xp::grouped_product_backward(Tensor dy_NO, Tensor rows_ND, Tensor[] weight_X, Tensor start_X1)
//     -> (Tensor, Tensor, Tensor)
// The gradients of the rows, [N, D], of the weights, [X, O, D], and of the biases, [X, O].

/// xp::balanced_assignment(Tensor value_GJ, int each) -> Tensor
/// A permutation of the jobs, group after group, `each` for each of the G groups (J = G * each),
/// that nearly maximises the sum of their values; see engine/moe/balanced_assignment.h. Values are
/// finite.
torch::Tensor balanced_jobs(const torch::Tensor& value_GJ, int64_t each);

/// xp::dropout_mask(Tensor like, float p, int seed, int first) -> Tensor
/// float32 of the shape of `like`: 1 / (1 - p) where element `first` + i of the mask of `seed` is
/// kept, else 0; see engine/nn/dropout_mask.h.
torch::Tensor dropout_mask(const torch::Tensor& like, double p, uint64_t seed, int64_t first);

}  // namespace xp
