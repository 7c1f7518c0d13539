// The 16-bit numbers of tensors, for kernels that compute in float32: as bits, so that the host
// needs no CUDA header. Same layout as c10::BFloat16 and c10::Half.
#pragma once

#include "engine/cuda/kernels/team.h"

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

namespace xp {

struct Brain16 {
  uint16_t bits;
};
struct Half16 {
  uint16_t bits;
};

XP_KERNEL float widened(float value) {
  return value;
}
XP_KERNEL float widened(Brain16 value) {
  return float_of(static_cast<uint32_t>(value.bits) << 16);
}
XP_KERNEL float widened(Half16 value) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(value.bits));
#else
  const uint32_t sign = (value.bits & 0x8000U) << 16, rest = value.bits & 0x7FFFU;
  if (rest >= 0x7C00U) return float_of(sign | 0x7F800000U | (rest & 0x3FFU) << 13);
  // As a float the number is 2^112 times too small, subnormal or not.
  return float_of(sign | bits_of(float_of(rest << 13) * 0x1p112F));
#endif
}

/// Rounded to nearest, ties to even.
template <class T>
XP_KERNEL T narrowed(float value);

template <>
XP_KERNEL float narrowed<float>(float value) {
  return value;
}
template <>
XP_KERNEL Brain16 narrowed<Brain16>(float value) {
  if (value != value) return {0x7FC0};
  const uint32_t bits = bits_of(value);
  return {static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}
template <>
XP_KERNEL Half16 narrowed<Half16>(float value) {
#if defined(__CUDA_ARCH__)
  return {__half_as_ushort(__float2half_rn(value))};
#else
  const uint32_t sign = (bits_of(value) >> 16) & 0x8000U, size = bits_of(value) & 0x7FFFFFFFU;
  const auto signed_bits = [&](uint32_t bits) { return static_cast<uint16_t>(sign | bits); };
  if (size > 0x7F800000U) return {signed_bits(0x7E00U)};
  if (size >= 0x477FF000U) return {signed_bits(0x7C00U)};  // 65520 rounds to infinity
  if (size < 0x38800000U) {
    // Subnormal: adding 0.5 leaves 2^-24 as the last bit, rounded by the adder.
    const uint32_t sum = bits_of(float_of(size) + 0.5F);
    return {signed_bits(sum - bits_of(0.5F))};
  }
  const uint32_t odd = (size >> 13) & 1U;
  return {signed_bits((size - 0x38000000U + 0xFFFU + odd) >> 13)};
#endif
}

}  // namespace xp
