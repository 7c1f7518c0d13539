// Dropout on the device, with the bits of engine/nn/dropout_mask.h.
#pragma once

#include "engine/cuda/kernels/numbers.h"
#include "engine/nn/mask_bits.h"

namespace xp {

/// y[i] = (added ? added[i] : 0) + (kept(first + i) ? x[i] * scale : 0); x is 1 if it is null.
template <class T>
struct DropoutWork {
  const T* x = nullptr;
  const T* added = nullptr;
  T* y = nullptr;
  int64_t count = 0, first = 0;
  uint64_t key = 0;
  int32_t threshold = 0;
  float scale = 1;
};

/// Elements that a block does.
inline constexpr int64_t kDropoutBlock = kTeam * 16;

/// Grid count / kDropoutBlock, rounded up.
template <class T, class Team>
XP_KERNEL void drop_block(Team& team, const DropoutWork<T>& work, int64_t block) {
  team.each([&](int t) {
    const int64_t begin = block * kDropoutBlock;
    const int64_t end = begin + kDropoutBlock < work.count ? begin + kDropoutBlock : work.count;
    for (int64_t i = begin + t; i < end; i += kTeam) {
      const int64_t at = work.first + i;
      const uint64_t key = mask_block_key(work.key, at / kMaskBlock);
      const bool is_kept = mask_bits(static_cast<uint32_t>(at % kMaskBlock), key) >= work.threshold;
      const float x = work.x == nullptr ? 1.0F : widened(work.x[i]);
      float y = is_kept ? rounded_product(x, work.scale) : 0.0F;
      if (work.added != nullptr) y = widened(work.added[i]) + y;
      work.y[i] = narrowed<T>(y);
    }
  });
}

}  // namespace xp
