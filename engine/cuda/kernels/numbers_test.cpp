// The conversions of 16-bit numbers against LibTorch's, for every bit pattern.
#include "engine/cuda/kernels/numbers.h"

#include "engine/cuda/kernels/emulation.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

template <class T>
void check_all() {
  const auto bits = torch::arange(-32768, 32768, torch::kShort);
  const auto expected = bits.view(kTypeOf<T>).to(torch::kFloat);
  auto ours = torch::empty_like(expected);
  for (int64_t i = 0; i < bits.numel(); ++i)
    elements<float>(ours)[i] = widened(elements<T>(bits)[i]);
  const auto is_number = expected.isnan().logical_not();
  CHECK(ours.isnan().logical_not().equal(is_number));
  CHECK(ours.masked_select(is_number)
            .view(torch::kInt)
            .equal(expected.masked_select(is_number).view(torch::kInt)));

  // Numbers, their neighbours, the ties between them, and beyond the largest.
  const auto numbers = expected.masked_select(expected.isfinite());
  const auto next = (numbers.view(torch::kInt) + 1).view(torch::kFloat);
  const auto between = numbers * 1.0009765625F, tie = numbers * (1 + 0x1p-11F);
  const auto all = torch::cat({numbers, next, between, tie, tie * 1.00001F, numbers * 3,
                               torch::tensor({65519.0F, 65520.0F, 1e30F, -3e38F, 0x1p-25F})});
  auto narrow = torch::empty({all.numel()}, kTypeOf<T>);
  for (int64_t i = 0; i < all.numel(); ++i)
    elements<T>(narrow)[i] = narrowed<T>(elements<float>(all)[i]);
  CHECK(narrow.view(torch::kShort).equal(all.to(kTypeOf<T>).view(torch::kShort)));
}

}  // namespace

TEST_CASE("bfloat16 is read and rounded as LibTorch does") {
  check_all<Brain16>();
}

TEST_CASE("float16 is read and rounded as LibTorch does, subnormals and overflow included") {
  check_all<Half16>();
}
