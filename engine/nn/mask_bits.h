// The random numbers behind dropout masks, for every kind of processor.
#pragma once

#include "engine/base/split_mix.h"

#include <cstdint>

namespace xp {

inline constexpr int64_t kMaskBlock = 1 << 16;  ///< elements that share a key of 64 bits

/// The key of a block of elements.
constexpr uint64_t mask_block_key(uint64_t key, int64_t block) {
  return scattered(key + 0x9E3779B97F4A7C15U * static_cast<uint64_t>(block + 1));
}

/// 31 bits for element `i` of a block; it is kept if they are at least p * 2^31. Three rounds of
/// multiply and shift, the key before the first and the second (constants: Chris Wellons'
/// "triple32"): neighbours and blocks are unrelated.
constexpr int32_t mask_bits(uint32_t i, uint64_t key) {
  uint32_t h = i ^ static_cast<uint32_t>(key);
  h = (h ^ (h >> 17)) * 0xed5ad4bbU;
  h = (h ^ static_cast<uint32_t>(key >> 32) ^ (h >> 11)) * 0xac4c1b51U;
  h = (h ^ (h >> 15)) * 0x31848babU;
  h ^= h >> 14;
  return static_cast<int32_t>(h >> 1);
}

}  // namespace xp
