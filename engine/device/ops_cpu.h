// The operators of ops.h on the CPU: what they compute everywhere.
#pragma once

#include <torch/types.h>

#include <optional>
#include <tuple>

namespace xp::cpu {

std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> assign_slots(
    const torch::Tensor& expert_KT, const std::optional<torch::Tensor>& priority_T, int64_t E,
    int64_t capacity);
torch::Tensor gather_rows(const torch::Tensor& x_TD, const torch::Tensor& token_N);
torch::Tensor scatter_rows(const torch::Tensor& rows_ND, const torch::Tensor& token_N,
                           const torch::Tensor& weight_N, int64_t T);
std::tuple<torch::Tensor, torch::Tensor> scatter_rows_backward(const torch::Tensor& dy_TD,
                                                               const torch::Tensor& rows_ND,
                                                               const torch::Tensor& token_N,
                                                               const torch::Tensor& weight_N);
torch::Tensor grouped_product(const torch::Tensor& rows_ND, torch::TensorList weight_X,
                              torch::TensorList bias_X, const torch::Tensor& start_X1);
std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> grouped_product_backward(
    const torch::Tensor& dy_NO, const torch::Tensor& rows_ND, torch::TensorList weight_X,
    const torch::Tensor& start_X1);

}  // namespace xp::cpu
