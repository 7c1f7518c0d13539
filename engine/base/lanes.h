// Sixteen floats that are computed on together: one register of AVX-512, two of AVX2. For loops
// that are compiled for every generation of processors (XP_FOR_EACH_PROCESSOR) without torch.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
/// Compiles a function once for each generation; the program chooses when it starts.
#define XP_FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "avx2,fma", "default")))
#else
#define XP_FOR_EACH_PROCESSOR
#endif
#define XP_INLINE inline __attribute__((always_inline))

namespace xp {

using Lanes = float __attribute__((vector_size(64)));
using IntegerLanes = int32_t __attribute__((vector_size(64)));
inline constexpr int64_t kLanes = 16;

XP_INLINE Lanes load_lanes(const float* from) {
  Lanes out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

XP_INLINE void store_lanes(float* to, const Lanes& x) {
  std::memcpy(to, &x, sizeof x);
}

/// x in every lane.
XP_INLINE Lanes lanes_of(float x) {
  return Lanes{} + x;
}

/// The first `count` < kLanes lanes; `fill` in the others.
XP_INLINE Lanes load_lanes(const float* from, int64_t count, float fill) {
  Lanes out = lanes_of(fill);
  std::memcpy(&out, from, static_cast<size_t>(count) * sizeof(float));
  return out;
}

XP_INLINE Lanes larger_of(const Lanes& x, const Lanes& y) {
  return x > y ? x : y;
}

/// x with its lanes moved by 8, 4, 2 or 1 in circles of twice that.
template <int kBy>
XP_INLINE Lanes turned(const Lanes& x) {
  return __builtin_shufflevector(x, x, 0 ^ kBy, 1 ^ kBy, 2 ^ kBy, 3 ^ kBy, 4 ^ kBy, 5 ^ kBy,
                                 6 ^ kBy, 7 ^ kBy, 8 ^ kBy, 9 ^ kBy, 10 ^ kBy, 11 ^ kBy, 12 ^ kBy,
                                 13 ^ kBy, 14 ^ kBy, 15 ^ kBy);
}

XP_INLINE float sum_of(Lanes x) {
  x += turned<8>(x);
  x += turned<4>(x);
  x += turned<2>(x);
  x += turned<1>(x);
  return x[0];
}

XP_INLINE float max_of(Lanes x) {
  x = larger_of(x, turned<8>(x));
  x = larger_of(x, turned<4>(x));
  x = larger_of(x, turned<2>(x));
  x = larger_of(x, turned<1>(x));
  return x[0];
}

/// e^x to about 2 units in the last place for x <= 88; 0 below -87.
/// Source: S. Moshier's Cephes, expf.
XP_INLINE Lanes exp_of(Lanes x) {
  constexpr float kLowest = -87.33654F, kHighest = 88.37626F;
  const IntegerLanes is_zero = x < kLowest;
  x = x < kLowest ? lanes_of(kLowest) : x;
  x = x > kHighest ? lanes_of(kHighest) : x;
  constexpr float kRound = 12582912.0F;  // 1.5 x 2^23: adding it rounds to an integer
  const Lanes shifted = x * 1.44269504088896341F + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Lanes p = lanes_of(1.9875691500e-4F);
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const IntegerLanes power = (__builtin_convertvector(n, IntegerLanes) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &power, sizeof scale);
  const Lanes out = p * scale;
  return is_zero ? Lanes{} : out;
}

}  // namespace xp
