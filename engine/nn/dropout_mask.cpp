// Hashes of indices, in 32-bit lanes that compilers vectorise. Compiled with -O3, see
// CMakeLists.txt.
#include "engine/nn/dropout_mask.h"

#include "engine/base/lanes.h"
#include "engine/base/to_integer.h"
#include "engine/nn/mask_bits.h"

#include <algorithm>

namespace xp {
namespace {

// Elements [begin, end) of one block, x and y starting at its first element.
XP_FOR_EACH_PROCESSOR void apply_to_block(const float* x, const float* added, float* y,
                                          uint32_t begin, uint32_t end, uint64_t key,
                                          int32_t threshold, float scale) {
  const auto value = [=](uint32_t i) {
    return mask_bits(i, key) >= threshold ? x[i] * scale : 0.0F;
  };
  if (added == nullptr) {
    for (uint32_t i = begin; i < end; ++i)
      y[i] = value(i);
  } else {
    for (uint32_t i = begin; i < end; ++i)
      y[i] = added[i] + value(i);
  }
}

}  // namespace

void apply_dropout_mask(const MaskedRange& range, uint64_t key, double p) {
  const auto threshold = static_cast<int32_t>(to_integer(p * 2147483648.0));
  const auto scale = static_cast<float>(1 / (1 - p));
  for (int64_t at = range.begin; at < range.end;) {
    const int64_t block = at / kMaskBlock, start = block * kMaskBlock;
    const int64_t end = std::min(range.end, start + kMaskBlock);
    apply_to_block(range.x + start, range.added == nullptr ? nullptr : range.added + start,
                   range.y + start, static_cast<uint32_t>(at - start),
                   static_cast<uint32_t>(end - start), mask_block_key(key, block), threshold,
                   scale);
    at = end;
  }
}

}  // namespace xp
