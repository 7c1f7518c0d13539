// Balance, permutation and nearness to the best, also if scores tie or are no numbers.
#include "engine/moe/balanced_assignment.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <bit>
#include <limits>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor random_scores(int64_t T, int64_t K, uint64_t seed) {
  return torch::randn({T, K}, at::detail::createCPUGenerator(seed));
}

void check_law(const torch::Tensor& score_TK, const Assignment& assignment) {
  const int64_t T = score_TK.size(0), K = score_TK.size(1);
  CHECK(std::get<0>(assignment.order_T.sort()).equal(torch::arange(T)));
  CHECK(assignment.size_K.sum().item<int64_t>() == T);
  CHECK(assignment.size_K.max().item<int64_t>() <= (T + K - 1) / K);
}

double worth(const torch::Tensor& score_TK, const Assignment& assignment) {
  const auto group_T = torch::arange(score_TK.size(1)).repeat_interleave(assignment.size_K);
  return score_TK.index({assignment.order_T, group_T}).sum().item<double>();
}

}  // namespace

TEST_CASE("an assignment is a permutation in even groups for any scores") {
  for (const int64_t K : {1, 2, 3, 8}) {
    for (const int64_t T : {0, 1, 2, 7, 24, 64, 257})
      check_law(random_scores(T, K, 1), balanced_assignment(random_scores(T, K, 1)));
  }
  const auto equal = torch::zeros({16, 4});
  check_law(equal, balanced_assignment(equal));
  const auto one_wanted = torch::tensor({5.0F, 0.0F, 0.0F, 0.0F}).expand({64, 4});
  check_law(one_wanted, balanced_assignment(one_wanted));
  const auto nothing = torch::full({12, 4}, std::numeric_limits<float>::quiet_NaN());
  check_law(nothing, balanced_assignment(nothing));
  auto some = random_scores(12, 4, 2);
  some[3][1] = std::numeric_limits<float>::infinity();
  some[4] = std::numeric_limits<float>::quiet_NaN();
  check_law(some, balanced_assignment(some));
}

TEST_CASE("eight tokens in two groups come within the auction's step of the best split") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto score_TK = random_scores(8, 2, seed);
    double best = -1e9;
    for (unsigned chosen = 0; chosen < 256; ++chosen) {
      if (std::popcount(chosen) != 4) continue;
      double sum = 0;
      for (int64_t t = 0; t < 8; ++t)
        sum += score_TK[t][(chosen >> t & 1U) != 0 ? 1 : 0].item<double>();
      best = std::max(best, sum);
    }
    const double step = (score_TK.max() - score_TK.min()).item<double>() / 50;
    CHECK(worth(score_TK, balanced_assignment(score_TK)) >= best - 8 * step);
  }
}

TEST_CASE("tokens that clearly belong somewhere are put there") {
  const auto score_TK =
      torch::tensor({9.0F, 0.0F, 0.0F, 9.0F, 9.0F, 0.0F, 0.0F, 9.0F}).view({4, 2});
  const Assignment assignment = balanced_assignment(score_TK);
  CHECK(std::get<0>(assignment.order_T.slice(0, 0, 2).sort()).equal(torch::tensor({0, 2})));
  CHECK(assignment.size_K.equal(torch::tensor({2, 2})));
}

TEST_CASE("the greedy assignment gives each token its best group, whatever the others want") {
  const auto score_TK = torch::tensor({1.0F, 2.0F, 1.0F, 2.0F, 3.0F, 2.0F}).view({3, 2});
  const Assignment assignment = greedy_assignment(score_TK);
  CHECK(assignment.order_T.equal(torch::tensor({2, 0, 1})));
  CHECK(assignment.size_K.equal(torch::tensor({1, 2})));
}
