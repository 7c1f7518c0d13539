// How tokens or features are shared out, and the part that stays on the rank.
#include "engine/moe/parts.h"

#include "engine/testing/gradients.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Sizes = std::array<int64_t, kNumParts>;

// Expert e scales by e + 1.
torch::Tensor scaled(const torch::Tensor& rows_MD, const torch::Tensor& start_X1) {
  const auto count_X = start_X1.diff();
  const auto factor_X = torch::arange(1, count_X.numel() + 1);
  return rows_MD * factor_X.repeat_interleave(count_X).unsqueeze(1);
}

}  // namespace

TEST_CASE("parts are differences of rounded borders and never lose a token") {
  CHECK(part_sizes(10, {0.2, 0.5}) == Sizes{2, 5, 3});
  CHECK(part_sizes(3, {0.5, 0.25}) == Sizes{2, 0, 1});
  CHECK(part_sizes(0, {0.2, 0.5}) == Sizes{0, 0, 0});
  for (int64_t total = 0; total < 50; ++total) {
    const Sizes sizes = part_sizes(total, {0.33, 0.34});
    CHECK(sizes[kLocal] + sizes[kNode] + sizes[kGlobal] == total);
    CHECK(std::min({sizes[kLocal], sizes[kNode], sizes[kGlobal]}) >= 0);
  }
}

TEST_CASE("shares that sum to 1 in decimals leave nothing to the global part") {
  CHECK(part_sizes(9, {0.7, 0.1 + 0.2}) == Sizes{6, 3, 0});
  CHECK(parts_present({0.7, 0.1 + 0.2}) == std::array<bool, kNumParts>{true, true, false});
  CHECK(parts_present({0, 0}) == std::array<bool, kNumParts>{false, false, true});
  CHECK(part_sizes(7, {1, 0}) == Sizes{7, 0, 0});
}

TEST_CASE("on one node the node's share takes what could cross nodes") {
  const Shares one = on_topology({0.25, 0.25}, {1, 4}), two = on_topology({0.25, 0.25}, {2, 2});
  CHECK(one.local == 0.25);
  CHECK(one.node == 0.75);
  CHECK(two.node == 0.25);
}

TEST_CASE("the only expert of a rank takes its tokens unweighted") {
  const auto x = fixed_random({5, 3}, 1);
  CHECK(torch::equal(mix_locally(x, fixed_random({5, 1}, 2), scaled), x));
}

TEST_CASE("of several experts the best two are mixed by the softmax of their logits") {
  const auto x = fixed_random({6, 3}, 3), logits = fixed_random({6, 4}, 4);
  const auto y = mix_locally(x, logits, scaled);
  for (int64_t t = 0; t < 6; ++t) {
    const auto [logit, expert] = logits[t].topk(2);
    const auto weight = torch::softmax(logit, 0);
    const double scale = weight[0].item<double>() * (expert[0].item<double>() + 1) +
                         weight[1].item<double>() * (expert[1].item<double>() + 1);
    CHECK(torch::allclose(y[t], x[t] * scale, 1e-5, 1e-6));
  }
}
