// Attention against plain loops over heads, queries and keys; gradients against finite differences.
#include "engine/nn/attention.h"

#include "engine/testing/gradients.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kWidth = 6, kHeads = 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const AttentionShape kShape{kWidth, kHeads};

torch::Tensor linear(const torch::Tensor& x, const torch::nn::Module& module,
                     const std::string& name) {
  const auto parameters = module.named_parameters();
  return torch::matmul(x, parameters[name + ".weight"].t()) + parameters[name + ".bias"];
}

// Rows of q [L, D] over keys and values [S, D]: each head the mean of its values, weighted by the
// softmax of q k / sqrt(W) + added[query, key].
torch::Tensor by_loops(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                       const std::function<double(int64_t query, int64_t key)>& added) {
  constexpr int64_t kHeadWidth = kWidth / kHeads;
  auto out = torch::zeros_like(q);
  for (int64_t head = 0; head < kHeads; ++head) {
    const int64_t from = head * kHeadWidth, to = from + kHeadWidth;
    for (int64_t i = 0; i < q.size(0); ++i) {
      std::vector<double> weight;
      double sum = 0;
      for (int64_t j = 0; j < k.size(0); ++j) {
        const double product =
            (q[i].slice(0, from, to) * k[j].slice(0, from, to)).sum().item<double>();
        weight.push_back(
            std::exp(product / std::sqrt(static_cast<double>(kHeadWidth)) + added(i, j)));
        sum += weight.back();
      }
      for (int64_t j = 0; j < k.size(0); ++j)
        out[i].slice(0, from, to) += weight[static_cast<size_t>(j)] / sum * v[j].slice(0, from, to);
    }
  }
  return out;
}

SelfAttention self_attention() {
  SelfAttention out(kShape, Init(1));
  out.to(torch::kDouble);
  return out;
}

// One sentence [L, D] through self-attention.
torch::Tensor expected(const SelfAttention& layer, const torch::Tensor& x_LD,
                       const std::function<double(int64_t, int64_t)>& added) {
  const auto parts = linear(x_LD, layer, "in").chunk(3, 1);
  return linear(by_loops(parts[0], parts[1], parts[2], added), layer, "out");
}

}  // namespace

TEST_CASE("self-attention mixes the values of all positions") {
  const SelfAttention layer = self_attention();
  const auto x = fixed_random({2, 4, kWidth}, 1);
  const auto y = layer.forward(x, {}, /*causal=*/false);
  for (int64_t sentence = 0; sentence < 2; ++sentence)
    CHECK(torch::allclose(y[sentence],
                          expected(layer, x[sentence], [](int64_t, int64_t) { return 0.0; })));
}

TEST_CASE("a causal query sees itself and the positions before it") {
  const SelfAttention layer = self_attention();
  const auto x = fixed_random({1, 4, kWidth}, 2);
  CHECK(torch::allclose(layer.forward(x, {}, /*causal=*/true)[0],
                        expected(layer, x[0], [](int64_t query, int64_t key) {
                          return key > query ? -kInfinity : 0.0;
                        })));
}

TEST_CASE("masked positions do not matter to the others") {
  const SelfAttention layer = self_attention();
  auto x = fixed_random({1, 4, kWidth}, 3);
  auto mask = torch::zeros({1, 1, 1, 4}, torch::kDouble);
  mask[0][0][0][3] = -kInfinity;
  const auto y = layer.forward(x, mask, /*causal=*/false);
  const auto without = layer.forward(x.slice(1, 0, 3), {}, /*causal=*/false);
  CHECK(torch::allclose(y.slice(1, 0, 3), without));
  x[0][3].fill_(1000);
  CHECK(torch::allclose(layer.forward(x, mask, /*causal=*/false).slice(1, 0, 3), without));
}

TEST_CASE("piece by piece self-attention gives the rows of the causal whole") {
  const SelfAttention layer(kShape, Init(1));
  const torch::NoGradGuard no_grad;
  const auto x = fixed_random({3, 20, kWidth}, 4).to(torch::kFloat);
  const auto whole = layer.forward(x, {}, /*causal=*/true);
  DecodeCache cache(2, kWidth);
  std::vector<Cells> cells(3);
  for (int64_t i = 0; i < 20; ++i) {
    CachedRows rows{cache, {}, {}};
    for (auto& own : cells) {
      own.push_back(cache.take());
      rows.own.push_back(own.back());
    }
    for (const auto& own : cells)
      rows.cells.emplace_back(own);
    const auto one = layer.step(x.select(1, i), torch::zeros({3, kWidth}), rows, /*layer=*/1);
    CHECK(torch::allclose(one, whole.select(1, i), 1e-5, 1e-6));
  }
}

TEST_CASE("cross-attention piece by piece gives the rows of the whole, added to what is given") {
  const CrossAttention layer(kShape, Init(2));
  const torch::NoGradGuard no_grad;
  const auto x = fixed_random({1, 3, kWidth}, 5).to(torch::kFloat);
  const auto memory = fixed_random({1, 4, kWidth}, 6).to(torch::kFloat);
  DecodeCache cache(1, kWidth);
  const Cells cells = {cache.take(), cache.take(), cache.take(), cache.take()};
  layer.remember(memory[0], cells, cache, 0);
  const CachedRows rows{cache, {}, {cells, cells, cells}};
  const auto whole = layer.forward(x, layer.keys_values(memory), {})[0];
  CHECK(torch::allclose(layer.step(x[0], 2 * x[0], rows, 0), 2 * x[0] + whole, 1e-5, 1e-6));
}

TEST_CASE("a cell is free when nothing uses it") {
  DecodeCache cache(1, 1);
  const Cells cells = {cache.take(), cache.take()};
  CHECK(cells == Cells{0, 1});
  cache.share({0});
  cache.release(cells);
  CHECK(cache.take() == 1);
  CHECK(cache.take() == 2);
  cache.release({0});
  CHECK(cache.take() == 0);
}

TEST_CASE("cross-attention takes queries from the target and values from the source") {
  CrossAttention layer(kShape, Init(2));
  layer.to(torch::kDouble);
  const auto x = fixed_random({2, 3, kWidth}, 5), memory = fixed_random({2, 4, kWidth}, 6);
  const auto y = layer.forward(x, layer.keys_values(memory), {});
  for (int64_t sentence = 0; sentence < 2; ++sentence) {
    const auto parts = linear(memory[sentence], layer, "memory").chunk(2, 1);
    const auto mixed = by_loops(linear(x[sentence], layer, "query"), parts[0], parts[1],
                                [](int64_t, int64_t) { return 0.0; });
    CHECK(torch::allclose(y[sentence], linear(mixed, layer, "out")));
  }
}

TEST_CASE("gradients of attention are those of finite differences") {
  SelfAttention self = self_attention();
  auto x = fixed_random({1, 3, kWidth}, 7).requires_grad_();
  std::vector<torch::Tensor> inputs = self.parameters();
  inputs.push_back(x);
  for (const bool causal : {false, true}) {
    for (auto& input : inputs)
      input.mutable_grad() = torch::Tensor();
    CHECK(gradient_error([&] { return self.forward(x, {}, causal); }, inputs) < 1e-6);
  }
  CrossAttention cross(kShape, Init(3));
  cross.to(torch::kDouble);
  auto memory = fixed_random({1, 2, kWidth}, 8).requires_grad_();
  auto y = fixed_random({1, 3, kWidth}, 9).requires_grad_();
  inputs = cross.parameters();
  inputs.insert(inputs.end(), {memory, y});
  CHECK(gradient_error([&] { return cross.forward(y, cross.keys_values(memory), {}); }, inputs) <
        1e-6);
}
