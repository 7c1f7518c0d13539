// Plain layers against loops, and their gradients against finite differences.
#include "engine/nn/layers.h"

#include "engine/testing/gradients.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Approx;

namespace {

constexpr double kTolerance = 1e-6;

double value(const torch::Tensor& tensor, std::initializer_list<at::indexing::TensorIndex> at) {
  return tensor.index(at).item<double>();
}

}  // namespace

TEST_CASE("a linear layer is a weighted sum of its inputs and the bias") {
  Linear layer(3, 2, Init(1));
  layer.to(torch::kDouble);
  const auto x = fixed_random({4, 3}, 1);
  const auto y = layer.forward(x);
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t out = 0; out < 2; ++out) {
      double sum = value(layer.bias, {out});
      for (int64_t in = 0; in < 3; ++in)
        sum += value(layer.weight, {out, in}) * value(x, {row, in});
      CHECK(value(y, {row, out}) == Approx(sum));
    }
  }
}

TEST_CASE("a linear layer starts within its bound, with a zero bias if asked") {
  const Linear layer(100, 50, Init(1), /*bound=*/0.3, /*zero_bias=*/true);
  CHECK(layer.weight.abs().max().item<double>() <= 0.3);
  CHECK(layer.weight.abs().max().item<double>() > 0.29);
  CHECK(layer.bias.abs().max().item<double>() == 0);
  CHECK(Linear(100, 50, Init(1)).weight.abs().max().item<double>() <= 0.1);
}

TEST_CASE("normalised rows have mean 0 and variance 1 before weight and bias") {
  Norm norm(5);
  norm.to(torch::kDouble);
  const auto x = fixed_random({3, 5}, 2) * 7 + 3;
  const auto y = norm.forward(x);
  for (int64_t row = 0; row < 3; ++row) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < 5; ++i) {
      mean += value(y, {row, i}) / 5;
      square += value(y, {row, i}) * value(y, {row, i}) / 5;
    }
    CHECK(mean == Approx(0).margin(1e-9));
    CHECK(square == Approx(1).epsilon(1e-4));
  }
  {
    const torch::NoGradGuard no_grad;
    norm.weight.fill_(2);
    norm.bias.fill_(-1);
  }
  CHECK(torch::allclose(norm.forward(x), 2 * y - 1));
}

TEST_CASE("a feed-forward layer cuts its inner values off at zero") {
  FeedForward layer(2, 3, Init(4));
  layer.to(torch::kDouble);
  const auto parameters = layer.named_parameters();
  const auto w1 = parameters["first.weight"], b1 = parameters["first.bias"],
             w2 = parameters["second.weight"], b2 = parameters["second.bias"];
  const auto x = fixed_random({5, 2}, 3);
  const auto y = layer.forward(x);
  for (int64_t row = 0; row < 5; ++row) {
    for (int64_t out = 0; out < 2; ++out) {
      double sum = value(b2, {out});
      for (int64_t inner = 0; inner < 3; ++inner) {
        const double before = value(b1, {inner}) + value(w1, {inner, 0}) * value(x, {row, 0}) +
                              value(w1, {inner, 1}) * value(x, {row, 1});
        sum += value(w2, {out, inner}) * std::max(0.0, before);
      }
      CHECK(value(y, {row, out}) == Approx(sum));
    }
  }
}

TEST_CASE("gradients of linear, norm and feed-forward are those of finite differences") {
  auto x = fixed_random({3, 4}, 5).requires_grad_();
  Linear linear(4, 2, Init(1));
  linear.to(torch::kDouble);
  CHECK(gradient_error([&] { return linear.forward(x); }, {x, linear.weight, linear.bias}) <
        kTolerance);
  Norm norm(4);
  norm.to(torch::kDouble);
  auto y = fixed_random({3, 4}, 6).requires_grad_();
  CHECK(gradient_error([&] { return norm.forward(y); }, {y, norm.weight, norm.bias}) < kTolerance);
  FeedForward ffn(4, 6, Init(2));
  ffn.to(torch::kDouble);
  auto z = fixed_random({3, 4}, 7).requires_grad_();
  std::vector<torch::Tensor> inputs = ffn.parameters();
  inputs.push_back(z);
  CHECK(gradient_error([&] { return ffn.forward(z); }, inputs) < kTolerance);
}

TEST_CASE("an embedding is its row times the root of the width, and the position from 2 on") {
  Embedding table(7, 4, Init(3));
  const auto pieces = torch::tensor({{5L, 2L}});
  const auto h = table.forward(pieces);
  const double frequency[] = {1, 1e-4};
  for (int64_t position = 0; position < 2; ++position) {
    const int64_t piece = pieces[0][position].item<int64_t>();
    const double at = static_cast<double>(position) + 2;
    for (int64_t i = 0; i < 2; ++i) {
      CHECK(value(h, {0, position, i}) ==
            Approx(2 * value(table.weight, {piece, i}) + std::sin(at * frequency[i])));
      CHECK(value(h, {0, position, i + 2}) ==
            Approx(2 * value(table.weight, {piece, i + 2}) + std::cos(at * frequency[i])));
    }
  }
}

TEST_CASE("a sentence is embedded the same piece by piece, also beyond the prepared positions") {
  Embedding table(9, 4, Init(3));
  const auto pieces = torch::randint(2, 9, {2, 600});
  const auto whole = table.forward(pieces);
  Embedding fresh(9, 4, Init(3));
  for (const int64_t position : {0, 1, 299, 599}) {
    const auto position_T = torch::full({2}, position, torch::kLong);
    CHECK(
        torch::equal(fresh.at(pieces.select(1, position), position_T), whole.select(1, position)));
  }
}

TEST_CASE("pads take no position and stay zero for the predecessor") {
  constexpr int64_t kPad = 1;
  Embedding table(9, 4, Init(3));
  const auto left = torch::tensor({{kPad, kPad, 5L, 6L}}), right = torch::tensor({{5L, 6L, kPad}});
  const auto plain = table.forward(torch::tensor({{5L, 6L}}));
  CHECK(torch::equal(table.forward_around_pads(left).slice(1, 2, 4), plain));
  CHECK(torch::equal(table.forward_around_pads(right).slice(1, 0, 2), plain));
  CHECK(table.forward_around_pads(left).slice(1, 0, 2).abs().max().item<double>() == 0);
}
