// The same gate before all, so that what differs is how rows reach their experts.
#include "bench/gpu/layers.h"

#include "engine/device/accelerator.h"
#include "engine/device/ops.h"

#include <cmath>

namespace xp {
namespace {

using torch::Tensor;

Tensor parameter(at::IntArrayRef shape, int64_t fan_in) {
  const auto value = torch::randn(shape) / std::sqrt(static_cast<double>(fan_in));
  return value.to(computing_device()).to(torch::kBFloat16).set_requires_grad(true);
}

struct Choices {
  Tensor expert_KT, weight_KT;
};

// The two largest probabilities of each token, normalised.
Choices choices_of(const Tensor& x_TD, const Tensor& gate_ED) {
  const auto probability_TE = torch::matmul(x_TD, gate_ED.t()).to(torch::kFloat).softmax(1);
  const auto [weight_TK, expert_TK] = probability_TE.topk(2, 1);
  const auto normal_TK = weight_TK / weight_TK.sum(1, /*keepdim=*/true);
  return {expert_TK.t().contiguous(), normal_TK.t().contiguous()};
}

}  // namespace

LayerWeights::LayerWeights(const LayerShape& shape, int64_t experts)
    : gate_ED(parameter({shape.experts, shape.width}, shape.width)) {
  for (int64_t e = 0; e < experts; ++e) {
    in_X.push_back(parameter({shape.inner, shape.width}, shape.width));
    in_bias_X.push_back(parameter({shape.inner}, 1));
    out_X.push_back(parameter({shape.width, shape.inner}, shape.inner));
    out_bias_X.push_back(parameter({shape.width}, 1));
  }
}

void LayerWeights::clear_gradients() {
  for (auto* all : {&in_X, &in_bias_X, &out_X, &out_bias_X})
    for (auto& one : *all)
      one.mutable_grad().reset();
  gate_ED.mutable_grad().reset();
}

MoeOperators::MoeOperators(const LayerShape& shape)
    : weights(shape, shape.experts), shape_(shape) {}

Tensor MoeOperators::forward(const Tensor& x_TD) const {
  const int64_t T = shape_.tokens, C = shape_.slots();
  const auto [expert_KT, weight_KT] = choices_of(x_TD, weights.gate_ED);
  const auto choice_N = slot_table(expert_KT, {}, shape_.experts, C).choice_EC.view({-1});
  const auto is_taken_N = choice_N >= 0;
  const auto token_N = torch::where(is_taken_N, choice_N.remainder(T), -1);
  const auto weight_N = weight_KT.flatten().index_select(0, choice_N.clamp_min(0)) * is_taken_N;
  const auto start_X1 = torch::arange(0, shape_.experts * C + 1, C,
                                      choice_N.options());  // every expert has its slots
  const auto rows = gather_rows(x_TD, token_N);
  const auto inner = grouped_product(rows, weights.in_X, weights.in_bias_X, start_X1).relu();
  const auto out = grouped_product(inner, weights.out_X, weights.out_bias_X, start_X1);
  return scatter_rows(out, token_N, weight_N, T);
}

namespace {

LayerShape widened_twice(LayerShape shape) {
  shape.inner *= 2;
  return shape;
}

}  // namespace

DenseLayer::DenseLayer(const LayerShape& shape) : weights(widened_twice(shape), 1) {}

Tensor DenseLayer::forward(const Tensor& x_TD) const {
  const auto inner = torch::addmm(weights.in_bias_X[0], x_TD, weights.in_X[0].t()).relu();
  return torch::addmm(weights.out_bias_X[0], inner, weights.out_X[0].t());
}

OneHotLayer::OneHotLayer(const LayerShape& shape) : weights(shape, shape.experts), shape_(shape) {}

Tensor OneHotLayer::forward(const Tensor& x_TD) const {
  const int64_t E = shape_.experts, C = shape_.slots();
  const auto [expert_KT, weight_KT] = choices_of(x_TD, weights.gate_ED);
  const auto chosen_KTE = torch::one_hot(expert_KT, E);
  const auto place_JE = chosen_KTE.view({-1, E}).cumsum(0) - 1;
  const auto place_KT = (place_JE * chosen_KTE.view({-1, E})).sum(1).view_as(expert_KT);
  const auto has_slot_KT = place_KT < C;
  const auto slot_KTC = torch::one_hot(place_KT.clamp_max(C - 1), C).to(x_TD.scalar_type()) *
                        has_slot_KT.unsqueeze(2).to(x_TD.scalar_type());
  const auto weighted_KTE = chosen_KTE.to(torch::kFloat) * weight_KT.unsqueeze(2);
  const auto combine_TEC =
      torch::einsum("kte,ktc->tec", {weighted_KTE.to(x_TD.scalar_type()), slot_KTC});
  const auto dispatch_TEC = (combine_TEC.detach() != 0).to(x_TD.scalar_type());
  const auto rows_ECD = torch::einsum("tec,td->ecd", {dispatch_TEC, x_TD});
  std::vector<Tensor> out;
  for (int64_t e = 0; e < E; ++e) {
    const auto i = static_cast<size_t>(e);
    const auto inner = torch::addmm(weights.in_bias_X[i], rows_ECD[e], weights.in_X[i].t()).relu();
    out.push_back(torch::addmm(weights.out_bias_X[i], inner, weights.out_X[i].t()));
  }
  return torch::einsum("tec,ecd->td", {combine_TEC, torch::stack(out)});
}

}  // namespace xp
