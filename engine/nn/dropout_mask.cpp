// Hashes of indices, in 32-bit lanes that compilers vectorise. Compiled with -O3, see
// CMakeLists.txt.
#include "engine/nn/dropout_mask.h"

#include "engine/base/split_mix.h"
#include "engine/base/to_integer.h"
#include "engine/nn/lanes.h"

#include <algorithm>

namespace xp {
namespace {

constexpr int64_t kBlock = 1 << 16;  // elements that share a key of 64 bits

// Elements [begin, end) of one block, x and y starting at its first element. Three rounds of
// multiply and shift, the key before the first and the second (constants: Chris Wellons'
// "triple32"): neighbours and blocks are unrelated.
XP_FOR_EACH_PROCESSOR void apply_to_block(const float* x, const float* added, float* y,
                                          uint32_t begin, uint32_t end, uint64_t key,
                                          int32_t threshold, float scale) {
  const auto first = static_cast<uint32_t>(key), second = static_cast<uint32_t>(key >> 32);
  const auto value = [=](uint32_t i) {
    uint32_t h = i ^ first;
    h = (h ^ (h >> 17)) * 0xed5ad4bbU;
    h = (h ^ second ^ (h >> 11)) * 0xac4c1b51U;
    h = (h ^ (h >> 15)) * 0x31848babU;
    h ^= h >> 14;
    return static_cast<int32_t>(h >> 1) >= threshold ? x[i] * scale : 0.0F;
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
    const int64_t block = at / kBlock, start = block * kBlock;
    const int64_t end = std::min(range.end, start + kBlock);
    apply_to_block(
        range.x + start, range.added == nullptr ? nullptr : range.added + start, range.y + start,
        static_cast<uint32_t>(at - start), static_cast<uint32_t>(end - start),
        scattered(key + 0x9E3779B97F4A7C15U * static_cast<uint64_t>(block + 1)), threshold, scale);
    at = end;
  }
}

}  // namespace xp
