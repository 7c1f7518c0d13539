// The random numbers of NumPy's default generator, so that tests of significance draw what others
// draw for the same seed.
// Source: O'Neill 2014, "PCG" (PCG64, XSL-RR); NumPy 1.17 to 2.x, SeedSequence and Generator.
#pragma once

#include <cstdint>

namespace xp {

/// numpy.random.default_rng(seed). Thread: one at a time.
class NumpyRandom {
 public:
  __extension__ typedef unsigned __int128 Wide;

  explicit NumpyRandom(uint32_t seed);

  /// As integers(0, limit) and choice(limit) draw each of their elements; 1 <= limit < 2^32.
  uint32_t below(uint32_t limit);

  /// As integers(2, dtype=bool) draws each of its elements; other draws in between are not seen.
  bool coin();

 private:
  uint64_t next64();
  uint32_t next32();
  Wide state_ = 0, increment_ = 0;
  uint32_t kept_ = 0;  ///< the upper half of a number whose lower half was taken
  bool has_kept_ = false;
  uint32_t coins_ = 0;
  int num_coins_ = 0;
};

}  // namespace xp
