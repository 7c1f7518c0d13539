// Computing again gives the same values and gradients, and draws no further random numbers.
#include "engine/nn/recompute.h"

#include "engine/nn/attention.h"
#include "engine/nn/dropout.h"
#include "engine/nn/layers.h"

#include <ATen/ops/dropout.h>
#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

/// Attention to a memory, an FFN, and both kinds of random numbers; counts its calls.
struct RecomputeTest {
  CrossAttention attention{{8, 2, 0.0}, Init(1)};
  FeedForward ffn{8, 16, Init(2)};
  torch::Tensor x = Init(3).normal({2, 5, 8}, 1).requires_grad_();
  torch::Tensor memory = Init(4).normal({2, 3, 8}, 1).requires_grad_();
  int calls = 0;

  Block block() {
    return [this](const torch::Tensor& h, const torch::Tensor& m) {
      ++calls;
      const auto seen = attention.forward(h, attention.keys_values(m), {});
      return torch::dropout(ffn.forward(add_dropped(h, seen, 0.5, true)), 0.5, true);
    };
  }

  // The output, the gradients of everything, and the next random numbers.
  std::vector<torch::Tensor> results(bool again) {
    seed_dropout(7);
    torch::manual_seed(8);
    for (auto& tensor : {&x, &memory})
      tensor->mutable_grad() = torch::Tensor();
    attention.zero_grad();
    ffn.zero_grad();
    const auto out = again ? recomputed(block(), x, memory) : block()(x, memory);
    const auto after = torch::rand({4});
    const auto mask = dropped(torch::ones({64}), 0.5, true);
    (out.square().sum() + mask.sum()).backward();
    std::vector<torch::Tensor> all{out, after, mask, torch::rand({4}), x.grad(), memory.grad()};
    for (auto* module : std::initializer_list<torch::nn::Module*>{&attention, &ffn})
      for (const auto& parameter : module->parameters())
        all.push_back(parameter.grad().clone());
    return all;
  }
};

TEST_CASE_METHOD(RecomputeTest, "what is computed again is the same to the bit") {
  const auto kept = results(false);
  CHECK(calls == 1);
  const auto again = results(true);
  CHECK(calls == 3);
  REQUIRE(again.size() == kept.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    INFO(i);
    CHECK(again[i].equal(kept[i]));
  }
}

TEST_CASE_METHOD(RecomputeTest, "a block without a second tensor has the gradients of the first") {
  const auto gradient = [this](bool again) {
    x.mutable_grad() = torch::Tensor();
    const Block square = [](const torch::Tensor& h, const torch::Tensor&) { return h * h * h; };
    (again ? recomputed(square, x) : square(x, {})).sum().backward();
    return x.grad().clone();
  };
  CHECK(gradient(true).equal(gradient(false)));
}

TEST_CASE_METHOD(RecomputeTest, "without gradients a block is computed once") {
  const torch::NoGradGuard no_grad;
  recomputed(block(), x, memory);
  CHECK(calls == 1);
}

}  // namespace
}  // namespace xp
