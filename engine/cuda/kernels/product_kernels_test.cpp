// Products of ragged groups against one matrix product for each.
#include "engine/cuda/kernels/product_kernels.h"

#include "engine/cuda/kernels/emulation.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

const auto kStart = torch::tensor({2, 2, 70, 75, 75, 140}, torch::kLong);  // two groups are empty
constexpr int64_t kRows = 143, kInner = 37, kOuter = 67, kGroups = 5;

struct Problem {
  torch::Tensor rows, weight, bias, dy;

  explicit Problem(torch::ScalarType type) {
    const auto draw = at::detail::createCPUGenerator(5);
    const auto made = [&](at::IntArrayRef shape) { return torch::randn(shape, draw).to(type); };
    rows = made({kRows, kInner});
    weight = made({kGroups, kOuter, kInner});
    bias = made({kGroups, kOuter});
    dy = made({kRows, kOuter});
  }
};

torch::Tensor group_of(const torch::Tensor& rows, int64_t g) {
  return rows.slice(0, kStart[g].item<int64_t>(), kStart[g + 1].item<int64_t>()).to(torch::kFloat);
}

template <class T>
torch::Tensor product(const Problem& it, bool last_first) {
  auto out = torch::zeros({kRows, kOuter}, kTypeOf<T>);
  ProductWork<T> work;
  work.rows = elements<T>(it.rows);
  for (int64_t g = 0; g < kGroups; ++g) {
    work.weight[g] = elements<T>(it.weight[g]);
    work.bias[g] = elements<T>(it.bias[g]);
  }
  work.outer_stride = kInner;
  work.start = elements<int64_t>(kStart);
  work.out = elements<T>(out);
  work.num_groups = kGroups;
  work.inner = kInner;
  work.outer = kOuter;
  Tiles shared;
  const int64_t width = (kOuter + kTile - 1) / kTile;
  on_grid(width * max_row_tiles(kRows, kGroups), last_first, [&](auto& team, int64_t i) {
    grouped_product_tile(team, work, {i % width, i / width, 0}, shared);
  });
  return out;
}

template <class T>
void check_product(double tolerance) {
  const Problem it(kTypeOf<T>);
  auto expected = torch::zeros({kRows, kOuter});
  for (int64_t g = 0; g < kGroups; ++g) {
    auto part = expected.slice(0, kStart[g].item<int64_t>(), kStart[g + 1].item<int64_t>());
    part.copy_(torch::mm(group_of(it.rows, g), it.weight[g].to(torch::kFloat).t()) +
               it.bias[g].to(torch::kFloat));
  }
  const auto out = product<T>(it, false);
  CHECK(out.to(torch::kFloat).allclose(expected, tolerance, tolerance));
  CHECK(product<T>(it, true).equal(out));
}

}  // namespace

TEST_CASE("each group of rows is multiplied by its own weight; other rows stay") {
  check_product<float>(1e-4);
  check_product<Brain16>(3e-2);
  check_product<Half16>(4e-3);
}

TEST_CASE("a weight may be read transposed") {
  const Problem it(torch::kFloat);
  auto out = torch::zeros({kRows, kInner});
  ProductWork<float> work;
  work.rows = elements<float>(it.dy);
  for (int64_t g = 0; g < kGroups; ++g)
    work.weight[g] = elements<float>(it.weight[g]);
  work.outer_stride = 1;
  work.inner_stride = kInner;
  work.start = elements<int64_t>(kStart);
  work.out = elements<float>(out);
  work.num_groups = kGroups;
  work.inner = kOuter;
  work.outer = kInner;
  Tiles shared;
  on_grid(max_row_tiles(kRows, kGroups), false, [&](auto& team, int64_t tile) {
    grouped_product_tile(team, work, {0, tile, 0}, shared);
  });
  CHECK(out.slice(0, 75, 140).allclose(torch::mm(group_of(it.dy, 4), it.weight[4]), 1e-4, 1e-4));
  CHECK(out.slice(0, 0, 2).eq(0).all().item<bool>());
}

TEST_CASE("weight gradients are sums over the rows of each group") {
  const Problem it(torch::kFloat);
  torch::Tensor before;
  for (const bool last_first : {false, true}) {
    auto weight = torch::full({kGroups, kOuter, kInner}, 77.0F);
    auto bias = torch::full({kGroups, kOuter}, 77.0F);
    const WeightGradientWork<float> work{elements<float>(it.dy),
                                         elements<float>(it.rows),
                                         elements<int64_t>(kStart),
                                         elements<float>(weight),
                                         elements<float>(bias),
                                         kInner,
                                         kOuter};
    Tiles shared;
    on_grid(2 * kGroups, last_first, [&](auto& team, int64_t i) {
      weight_gradient_tile(team, work, {0, i % 2, i / 2}, shared);
    });
    on_grid(kGroups, last_first, [&](auto& team, int64_t g) { bias_gradient(team, work, {0, g}); });
    for (int64_t g = 0; g < kGroups; ++g) {
      CHECK(
          weight[g].allclose(torch::mm(group_of(it.dy, g).t(), group_of(it.rows, g)), 1e-4, 1e-4));
      CHECK(bias[g].allclose(group_of(it.dy, g).sum(0), 1e-4, 1e-4));
    }
    if (before.defined()) CHECK(weight.equal(before));
    before = weight;
  }
}

TEST_CASE("a product gets its biases, and zeros outside of the groups") {
  const Problem it(torch::kFloat);
  auto out = torch::full({kRows, kOuter}, 2.0F);
  FinishWork<float> work;
  work.out = elements<float>(out);
  for (int64_t g = 0; g < kGroups; ++g)
    work.bias[g] = elements<float>(it.bias[g]);
  work.start = elements<int64_t>(kStart);
  work.num_groups = kGroups;
  work.outer = kOuter;
  on_grid(kRows, false, [&](auto& team, int64_t row) { finish_row(team, work, row); });
  CHECK(out[1].eq(0).all().item<bool>());
  CHECK(out[2].equal(it.bias[1] + 2));
  CHECK(out[74].equal(it.bias[2] + 2));
  CHECK(out[75].equal(it.bias[4] + 2));
  CHECK(out[140].eq(0).all().item<bool>());
}

TEST_CASE("the weight gradients of groups without rows are cleared, others kept") {
  auto weight = torch::full({kGroups, 5, 7}, 3.0F);
  WeightGradientWork<float> work;
  work.start = elements<int64_t>(kStart);
  work.out = elements<float>(weight);
  work.inner = 7;
  work.outer = 5;
  on_grid(kGroups, true, [&](auto& team, int64_t g) { clear_empty(team, work, g); });
  CHECK(weight.sum(1).sum(1).equal(torch::tensor({0.0F, 105.0F, 105.0F, 0.0F, 105.0F})));
}
