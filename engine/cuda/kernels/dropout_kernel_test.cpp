// The masks of the device against those of the CPU.
#include "engine/cuda/kernels/dropout_kernel.h"

#include "engine/cuda/kernels/emulation.h"
#include "engine/nn/dropout_mask.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("dropout has the bits of the CPU in every block of the mask") {
  constexpr int64_t kCount = 3 * kMaskBlock + 77;
  constexpr double kP = 0.3;
  const auto draw = at::detail::createCPUGenerator(1);
  const auto x = torch::randn({kCount}, draw), added = torch::randn({kCount}, draw);
  for (const bool adds : {false, true}) {
    auto expected = torch::empty({kCount}), y = torch::empty({kCount});
    const float* const h = adds ? elements<float>(added) : nullptr;
    apply_dropout_mask({elements<float>(x), h, elements<float>(expected), 0, kCount}, 0xABCDEF0123,
                       kP);
    const DropoutWork<float> work{elements<float>(x),
                                  h,
                                  elements<float>(y),
                                  kCount,
                                  0,
                                  0xABCDEF0123,
                                  static_cast<int32_t>(kP * 2147483648.0),
                                  static_cast<float>(1 / (1 - kP))};
    on_grid((kCount + kDropoutBlock - 1) / kDropoutBlock, true,
            [&](auto& team, int64_t block) { drop_block(team, work, block); });
    CHECK(y.equal(expected));
  }
}

TEST_CASE("a mask may begin anywhere, alone") {
  constexpr int64_t kFirst = kMaskBlock - 5;
  auto expected = torch::ones({kFirst + 20}), y = torch::empty({20});
  apply_dropout_mask(
      {elements<float>(expected), nullptr, elements<float>(expected), 0, kFirst + 20}, 7, 0.5);
  const DropoutWork<float> work{nullptr, nullptr, elements<float>(y), 20, kFirst, 7, 1 << 30, 2};
  on_grid(1, false, [&](auto& team, int64_t block) { drop_block(team, work, block); });
  CHECK(y.equal(expected.slice(0, kFirst)));
}
