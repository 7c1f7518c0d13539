// The operators against what they are defined by, and their gradients against differences.
#include "engine/device/ops.h"

#include <catch2/catch_test_macros.hpp>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor longs(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kLong);
}

torch::Tensor random(const std::vector<int64_t>& shape) {
  return torch::randn(shape, torch::kDouble);
}

// The largest difference between a gradient and central differences of `f`.
double gradient_error(const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& f,
                      std::vector<torch::Tensor> inputs) {
  for (auto& input : inputs)
    input.requires_grad_();
  const auto out = f(inputs);
  const auto weight = torch::randn(out.sizes(), torch::kDouble);
  const auto gradients = torch::autograd::grad({(out * weight).sum()}, inputs);
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  double worst = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto* x = inputs[i].data_ptr<double>();
    const auto gradient = gradients[i].contiguous();
    for (int64_t k = 0; k < inputs[i].numel(); ++k) {
      const double before = x[k];
      x[k] = before + kStep;
      const double above = (f(inputs) * weight).sum().item<double>();
      x[k] = before - kStep;
      const double below = (f(inputs) * weight).sum().item<double>();
      x[k] = before;
      const double slope = (above - below) / (2 * kStep);
      worst = std::max(worst, std::abs(slope - gradient.data_ptr<double>()[k]));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("slots go to first choices, then to second ones, in the order of the tokens") {
  // Expert 2 stands for no choice.
  const auto expert_KT = longs({0, 0, 1, 0, 1, 2, 0, 1}).view({2, 4});
  const SlotTable table = slot_table(expert_KT, {}, 2, 2);
  CHECK(table.choice_EC.equal(longs({0, 1, 2, 4}).view({2, 2})));
  CHECK(table.count_E.equal(longs({2, 2})));
  CHECK(table.kept_KT.to(torch::kLong).equal(longs({1, 1, 1, 0, 1, 0, 0, 0}).view({2, 4})));
}

TEST_CASE("slots go by priority if there is one, and those that nobody wants are -1") {
  const auto expert_KT = longs({0, 0, 0, 1}).view({1, 4});
  const SlotTable table = slot_table(expert_KT, longs({3, 2, 1, 0}), 2, 2);
  CHECK(table.choice_EC.equal(longs({2, 1, 3, -1}).view({2, 2})));
  CHECK(table.count_E.equal(longs({2, 1})));
  CHECK(table.kept_KT.to(torch::kLong).equal(longs({0, 1, 1, 1}).view({1, 4})));
}

TEST_CASE("without tokens all slots are free") {
  const SlotTable table = slot_table(torch::zeros({2, 0}, torch::kLong), {}, 2, 3);
  CHECK(table.choice_EC.equal(torch::full({2, 3}, -1, torch::kLong)));
  CHECK(table.count_E.equal(longs({0, 0})));
}

TEST_CASE("gathered rows of token -1 are zero, and gradients go back to their tokens") {
  const auto token_N = longs({2, -1, 0, 2});
  const auto x_TD = torch::arange(6, torch::kDouble).view({3, 2});
  CHECK(gather_rows(x_TD, token_N)
            .equal(torch::tensor({4, 5, 0, 0, 0, 1, 4, 5}, torch::kDouble).view({4, 2})));
  const auto gather = [&](const std::vector<torch::Tensor>& in) {
    return gather_rows(in[0], token_N);
  };
  CHECK(gradient_error(gather, {random({3, 2})}) < 1e-8);
}

TEST_CASE("scattered rows are summed with their weights, and -1 adds nothing") {
  const auto token_N = longs({1, -1, 1, 0});
  const auto rows_ND = torch::tensor({1, 2, 3, 4}, torch::kFloat).view({4, 1});
  const auto weight_N = torch::tensor({0.5, 9.0, 2.0, 1.0}, torch::kFloat);
  CHECK(scatter_rows(rows_ND, token_N, weight_N, 3)
            .equal(torch::tensor({4.0, 6.5, 0.0}, torch::kFloat).view({3, 1})));
  const auto scatter = [&](const std::vector<torch::Tensor>& in) {
    return scatter_rows(in[0], token_N, in[1], 3);
  };
  CHECK(gradient_error(scatter, {random({4, 3}), random({4})}) < 1e-8);
}

TEST_CASE("a grouped product multiplies each group with its own weights") {
  const auto start_X1 = longs({1, 3, 3});
  const auto rows = random({5, 3}), first = random({2, 3}), second = random({2, 3});
  const auto bias = random({2});
  const auto out = grouped_product(rows, {first, second}, {bias, bias}, start_X1);
  CHECK(out.slice(0, 0, 1).equal(torch::zeros({1, 2}, torch::kDouble)));
  CHECK(out.slice(0, 1, 3).allclose(torch::linear(rows.slice(0, 1, 3), first, bias)));
  CHECK(out.slice(0, 3, 5).equal(torch::zeros({2, 2}, torch::kDouble)));
  const auto product = [&](const std::vector<torch::Tensor>& in) {
    return grouped_product(in[0], {in[1], in[2]}, {in[3], in[4]}, longs({0, 2, 5}));
  };
  CHECK(gradient_error(product, {rows, first, second, bias, random({2})}) < 1e-8);
  const auto plain = [&](const std::vector<torch::Tensor>& in) {
    return grouped_product(in[0], {in[1], in[2]}, {}, longs({0, 2, 4}));
  };
  CHECK(gradient_error(plain, {rows, first, second}) < 1e-8);
}
