// SplitMix64: random numbers that are the same with every standard library.
// Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators", OOPSLA.
#pragma once

#include <cstdint>

namespace xp {

/// Scatters the bits of a number; distinct numbers stay distinct.
constexpr uint64_t scattered(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// A stream of numbers by its seed.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() { return scattered(state_ += 0x9E3779B97F4A7C15u); }
  /// Below `bound`, which is far below 2^64, so that the bias of the remainder does not matter.
  uint64_t below(uint64_t bound) { return next() % bound; }
  /// 0 .. 1, without 1
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace xp
