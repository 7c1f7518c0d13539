// Gathering and adding up rows against index_select and index_add.
#include "engine/cuda/kernels/row_kernels.h"

#include "engine/cuda/kernels/emulation.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

at::Generator random(uint64_t seed) {
  return at::detail::createCPUGenerator(seed);
}

// As the CPU: products rounded, added in the order of the rows.
torch::Tensor added_up(const torch::Tensor& rows_ND, const torch::Tensor& token_N,
                       const torch::Tensor& weight_N, int64_t T) {
  auto y = torch::zeros({T, rows_ND.size(1)});
  for (int64_t n = 0; n < token_N.numel(); ++n) {
    const auto token = token_N[n].item<int64_t>();
    if (token >= 0) y[token] += rows_ND[n].to(torch::kFloat) * weight_N[n].to(torch::kFloat);
  }
  return y.to(rows_ND.scalar_type());
}

template <class T, class W>
torch::Tensor emulated_sum(const torch::Tensor& rows_ND, const torch::Tensor& token_N,
                           const torch::Tensor& weight_N, int64_t num_tokens, bool last_first) {
  ScatterWork<T, W> work;
  auto y = torch::empty({num_tokens, rows_ND.size(1)}, rows_ND.options());
  auto count = torch::zeros({num_tokens}, torch::kInt);
  auto list = torch::full({num_tokens, kListed}, -5, torch::kInt);
  work.rows_ND = elements<T>(rows_ND);
  work.token_N = elements<int64_t>(token_N);
  work.weight_N = elements<W>(weight_N);
  work.y_TD = elements<T>(y);
  work.N = rows_ND.size(0);
  work.D = rows_ND.size(1);
  work.count_T = elements<int32_t>(count);
  work.list = elements<int32_t>(list);
  on_grid((work.N + kTeam - 1) / kTeam, last_first,
          [&](auto& team, int64_t block) { list_rows(team, work, block); });
  ListedRows shared;
  on_grid(num_tokens, last_first,
          [&](auto& team, int64_t token) { sum_rows(team, work, token, shared); });
  return y;
}

template <class T, class W>
void check_sums(int64_t N, int64_t D, int64_t num_tokens) {
  const auto draw = random(static_cast<uint64_t>(N));
  const auto rows = torch::randn({N, D}, draw).to(kTypeOf<T>);
  const auto weight = torch::rand({N}, draw).to(kTypeOf<W>);
  const auto token = torch::randint(-1, num_tokens, {N}, draw, torch::kLong);
  const auto expected = added_up(rows, token, weight, num_tokens);
  CHECK(emulated_sum<T, W>(rows, token, weight, num_tokens, false).equal(expected));
  CHECK(emulated_sum<T, W>(rows, token, weight, num_tokens, true).equal(expected));
}

}  // namespace

TEST_CASE("a gathered row is that of its token, or zero") {
  const auto x = torch::arange(12, torch::kInt).view({3, 4});
  const auto token = torch::tensor({2, -1, 0, 2}, torch::kLong);
  auto rows = torch::full({4, 4}, 77, torch::kInt);
  const GatherWork<uint32_t> work{elements<uint32_t>(x), elements<int64_t>(token),
                                  elements<uint32_t>(rows), 4};
  on_grid(4, false, [&](auto& team, int64_t row) { gather_row(team, work, row); });
  CHECK(rows.equal(
      torch::tensor({{8, 9, 10, 11}, {0, 0, 0, 0}, {0, 1, 2, 3}, {8, 9, 10, 11}}, torch::kInt)));
}

TEST_CASE("weighted rows add up to the bits of sums in their order") {
  check_sums<float, float>(600, 5, 300);
  check_sums<float, float>(3, 600, 2);
  check_sums<Brain16, float>(600, 5, 300);
  check_sums<Brain16, Brain16>(600, 5, 300);
  check_sums<Half16, float>(600, 5, 300);
}

TEST_CASE("a token may have more rows than are listed, or none") {
  check_sums<float, float>(100, 3, 2);
  check_sums<float, float>(0, 3, 2);
}

TEST_CASE("gradients of weighted sums are those of autograd") {
  const auto draw = random(3);
  const auto rows = torch::randn({9, 300}, draw).set_requires_grad(true);
  const auto weight = torch::rand({9}, draw).set_requires_grad(true);
  const auto token = torch::tensor({0, 1, 1, -1, 2, 0, 4, 4, 1}, torch::kLong);
  const auto dy = torch::randn({5, 300}, draw);
  const auto is_one = token >= 0;
  const auto y = torch::zeros({5, 300}).index_add(0, token.clamp_min(0),
                                                  rows * (weight * is_one).unsqueeze(1));
  y.backward(dy);
  for (const bool last_first : {false, true}) {
    auto drows = torch::empty({9, 300}), dweight = torch::empty({9});
    ScatterBackwardWork<float, float> work{elements<float>(dy),
                                           elements<float>(rows),
                                           elements<int64_t>(token),
                                           elements<float>(weight),
                                           elements<float>(drows),
                                           elements<float>(dweight),
                                           300};
    RowSums shared;
    on_grid(9, last_first,
            [&](auto& team, int64_t row) { scatter_backward_row(team, work, row, shared); });
    CHECK(drows.equal(rows.grad()));
    CHECK(dweight.allclose(weight.grad(), 1e-5, 1e-5));
  }
}
