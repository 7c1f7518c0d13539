// Dropout: how much is dropped, and that masks depend on stream and index only.
#include "engine/nn/dropout.h"

#include "engine/base/split_mix.h"
#include "engine/device/ops.h"
#include "engine/nn/dropout_mask.h"

#include <ATen/Parallel.h>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor mask(uint64_t seed, int64_t size = 200000, double p = 0.1) {
  seed_dropout(seed);
  return dropped(torch::ones({size}), p, true);
}

double share_kept(const torch::Tensor& mask) {
  return mask.gt(0).to(torch::kDouble).mean().item<double>();
}

// Between -1 and 1; of unrelated masks about 1 / sqrt(size).
double correlation(const torch::Tensor& a, const torch::Tensor& b) {
  const auto x = a.to(torch::kDouble) - a.to(torch::kDouble).mean();
  const auto y = b.to(torch::kDouble) - b.to(torch::kDouble).mean();
  return ((x * y).sum() / (x.square().sum() * y.square().sum()).sqrt()).item<double>();
}

}  // namespace

TEST_CASE("dropout keeps a share of 1 - p and scales it by 1 / (1 - p)") {
  for (const double p : {0.1, 0.5, 0.9}) {
    const auto y = mask(7, 200000, p);
    CHECK(share_kept(y) == Catch::Approx(1 - p).margin(0.004));
    CHECK(y.max().item<float>() == Catch::Approx(1 / (1 - p)));
  }
}

TEST_CASE("without training or with p = 0 dropout is the identity") {
  const auto x = torch::ones({3});
  CHECK(dropped(x, 0.5, false).is_same(x));
  CHECK(dropped(x, 0, true).is_same(x));
  CHECK(add_dropped(x, x, 0.5, false).equal(2 * x));
}

TEST_CASE("masks of neighbours, of calls, of seeds and of blocks are unrelated") {
  const auto one = mask(7);
  const auto next_call = dropped(torch::ones({200000}), 0.1, true);
  CHECK(std::abs(correlation(one.slice(0, 1), one.slice(0, 0, -1))) < 0.01);
  CHECK(std::abs(correlation(one, next_call)) < 0.01);
  CHECK(std::abs(correlation(one, mask(8))) < 0.01);
  CHECK(std::abs(correlation(one.slice(0, 65536), one.slice(0, 0, -65536))) < 0.01);
}

TEST_CASE("a mask is the same on any number of threads") {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = mask(7);
  at::set_num_threads(4);
  const auto four = mask(7);
  at::set_num_threads(before);
  CHECK(one.equal(four));
}

TEST_CASE("a mask is the same wherever its work is cut") {
  const std::vector<float> ones(70000, 1);
  std::vector<float> whole(70000), parts(70000);
  apply_dropout_mask({ones.data(), nullptr, whole.data(), 0, 70000}, 5, 0.3);
  for (const auto& [begin, end] : {std::pair(0, 1), {1, 65537}, {65537, 70000}})
    apply_dropout_mask({ones.data(), nullptr, parts.data(), begin, end}, 5, 0.3);
  CHECK(whole == parts);
}

TEST_CASE("a mask is the same on every processor") {
  std::vector<float> ones(16, 1), y(16);
  apply_dropout_mask({ones.data(), nullptr, y.data(), 0, 16}, 5, 0.5);
  CHECK(y == std::vector<float>{0, 2, 2, 0, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 2});
}

TEST_CASE("the gradient goes through the same mask, and unchanged to what is added") {
  seed_dropout(7);
  const auto x = torch::ones({1000}).requires_grad_(), h = torch::ones({1000}).requires_grad_();
  const auto y = add_dropped(h, x, 0.5, true);
  y.sum().backward();
  CHECK(x.grad().equal(y.detach() - 1));
  CHECK(h.grad().equal(torch::ones({1000})));
}

TEST_CASE("bfloat16 stays bfloat16, and a sum has the type of what is added to") {
  const auto x = torch::ones({100}, torch::kBFloat16).requires_grad_();
  const auto y = dropped(x, 0.5, true);
  CHECK(y.scalar_type() == torch::kBFloat16);
  const auto sum = add_dropped(torch::ones({100}), x, 0.5, true);
  CHECK(sum.scalar_type() == torch::kFloat);
  sum.sum().backward();
  CHECK(x.grad().scalar_type() == torch::kBFloat16);
}

TEST_CASE("the operator's mask is that of the dropout with its key") {
  constexpr double kP = 0.3;
  const auto x = torch::randn({70'000});
  seed_dropout(7);
  const auto expected = dropped(x, kP, /*training=*/true);
  CHECK((x * dropout_mask(x, kP, SplitMix(7).next(), /*first=*/0)).equal(expected));
}
