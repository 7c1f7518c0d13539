// The threads of a block as one object, so that a kernel is written once: nvcc compiles it for the
// device, and a test runs it on the host, thread after thread.
//
// A kernel's body is a sequence of `team.each(work)`: every thread does `work`, then all wait for
// each other. What a thread reads of another's results, it must read in a later `each`. The order
// of the threads inside one is free, and tests run both the first thread first and last.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define XP_KERNEL __host__ __device__ __forceinline__
#else
#define XP_KERNEL inline
#endif

namespace xp {

/// Threads of a block of every kernel.
inline constexpr int kTeam = 256;

/// Which block of the grid.
struct GridBlock {
  int64_t x = 0, y = 0, z = 0;
};

/// Adds to a number that other threads add to, and returns what it was.
XP_KERNEL int32_t add_shared(int32_t* number, int32_t by) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(number, by);
#else
  const int32_t was = *number;
  *number += by;
  return was;
#endif
}

/// a * b, rounded: never fused with an addition, so that sums have the CPU's bits.
XP_KERNEL float rounded_product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

/// The bits of a float.
XP_KERNEL uint32_t bits_of(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  union {
    float value;
    uint32_t bits;
  } both{value};
  return both.bits;
#endif
}

XP_KERNEL float float_of(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  union {
    uint32_t bits;
    float value;
  } both{bits};
  return both.value;
#endif
}

/// The threads on the host. What each keeps for itself from one `each` to the next is an Own.
struct HostTeam {
  bool last_first = false;

  template <class Work>
  void each(Work&& work) const {
    for (int i = 0; i < kTeam; ++i)
      work(last_first ? kTeam - 1 - i : i);
  }

  template <class T>
  struct Own {
    T values[kTeam] = {};
    T& operator[](int thread) { return values[thread]; }
  };
};

#if defined(__CUDACC__)
/// The threads of this block on the device.
struct DeviceTeam {
  template <class Work>
  __device__ __forceinline__ void each(Work&& work) const {
    work(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  template <class T>
  struct Own {
    T value = {};
    __device__ __forceinline__ T& operator[](int) { return value; }
  };
};
#endif

/// What `sums` hold before each thread's: sums[t] becomes the sum of those of threads below t.
/// `other` is room for as many. Returns the sum of all.
template <class Team>
XP_KERNEL int32_t sum_before(Team& team, int32_t* sums, int32_t* other) {
  for (int distance = 1; distance < kTeam; distance *= 2) {
    team.each([&](int t) { other[t] = sums[t] + (t >= distance ? sums[t - distance] : 0); });
    team.each([&](int t) { sums[t] = other[t]; });
  }
  const int32_t total = sums[kTeam - 1];
  team.each([&](int t) { other[t] = t > 0 ? sums[t - 1] : 0; });
  team.each([&](int t) { sums[t] = other[t]; });
  return total;
}

/// A thread's share [begin, end) of `count` things that are in order.
struct Share {
  int64_t begin, end;
};
XP_KERNEL Share share_of(int thread, int64_t count) {
  const int64_t each = (count + kTeam - 1) / kTeam;
  const int64_t begin = each * thread < count ? each * thread : count;
  return {begin, begin + each < count ? begin + each : count};
}

}  // namespace xp
