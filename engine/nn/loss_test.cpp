// The fused loss against LibTorch's own, over more tokens than one piece holds.
#include "engine/nn/loss.h"

#include "engine/base/cpu.h"

#include <ATen/autocast_mode.h>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <torch/nn/functional/loss.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Case {
  torch::Tensor h_TD, output_VD, target_T;
};

Case random_case(int64_t T) {
  torch::manual_seed(3);
  return {torch::randn({T, 8}).requires_grad_(), torch::randn({11, 8}).requires_grad_(),
          torch::randint(0, 11, {T})};
}

}  // namespace

TEST_CASE("loss and gradients equal the two-step form, with and without smoothing") {
  for (const double smoothing : {0.0, 0.1}) {
    for (const int64_t T : {1, 256, 700}) {
      const Case fused = random_case(T), plain = random_case(T);
      const auto options = torch::nn::functional::CrossEntropyFuncOptions()
                               .reduction(torch::kSum)
                               .label_smoothing(smoothing * 11 / 10);  // over all 11 pieces
      const auto expected = torch::nn::functional::cross_entropy(
          plain.h_TD.matmul(plain.output_VD.t()), plain.target_T, options);
      const CrossEntropy loss =
          cross_entropy(fused.h_TD, fused.output_VD, fused.target_T, smoothing);
      (expected * 2).backward();
      (loss.objective * 2).backward();
      CHECK(loss.objective.item<double>() == Catch::Approx(expected.item<double>()).epsilon(1e-5));
      CHECK(torch::allclose(fused.h_TD.grad(), plain.h_TD.grad(), 1e-4, 1e-5));
      CHECK(torch::allclose(fused.output_VD.grad(), plain.output_VD.grad(), 1e-4, 1e-4));
    }
  }
}

TEST_CASE("in bfloat16 the loss is exact, and its gradient rounded where that is faster") {
  const Case exact = random_case(300), rounded = random_case(300);
  const CrossEntropy expected = cross_entropy(exact.h_TD, exact.output_VD, exact.target_T, 0.1);
  expected.objective.backward();
  at::autocast::set_autocast_dtype(torch::kCPU, torch::kBFloat16);
  at::autocast::set_autocast_enabled(torch::kCPU, true);
  const CrossEntropy loss = cross_entropy(rounded.h_TD, rounded.output_VD, rounded.target_T, 0.1);
  at::autocast::set_autocast_enabled(torch::kCPU, false);
  loss.objective.backward();
  CHECK(loss.objective.equal(expected.objective));
  CHECK(rounded.h_TD.grad().equal(exact.h_TD.grad()) == !multiplies_bf16_faster());
  CHECK(torch::allclose(rounded.h_TD.grad(), exact.h_TD.grad(), 0.02, 0.02));
  CHECK(torch::allclose(rounded.output_VD.grad(), exact.output_VD.grad(), 0.02, 0.2));
}

TEST_CASE("no tokens make no loss") {
  const Case none = random_case(0);
  const CrossEntropy loss = cross_entropy(none.h_TD, none.output_VD, none.target_T, 0.1);
  loss.objective.backward();
  CHECK(loss.nll.item<double>() == 0);
  CHECK(none.output_VD.grad().abs().sum().item<double>() == 0);
}

TEST_CASE("without gradients the negative log likelihood is the same") {
  const Case some = random_case(300);
  const double expected =
      cross_entropy(some.h_TD, some.output_VD, some.target_T, 0.1).nll.item<double>();
  const torch::NoGradGuard no_grad;
  CHECK(cross_entropy(some.h_TD, some.output_VD, some.target_T, 0.1).nll.item<double>() ==
        expected);
}
