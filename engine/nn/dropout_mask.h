// The random masks of dropout: whether an element is kept depends on a key and its index only, not
// on threads or on what was drawn before. No torch in here, so that the loops are compiled for
// every generation of processors.
#pragma once

#include <cstdint>

namespace xp {

/// The elements [begin, end) of one dropout: y[i] = (added ? added[i] : 0) + (kept(i) ? x[i] / (1 -
/// p) : 0), where kept(i) is true with probability 1 - p. 0 <= p < 1. `y` may be `x`. Cost: about
/// that of reading x and writing y. Thread-safe.
struct MaskedRange {
  const float* x = nullptr;
  const float* added = nullptr;  ///< may be null
  float* y = nullptr;
  int64_t begin = 0, end = 0;
};
void apply_dropout_mask(const MaskedRange& range, uint64_t key, double p);

}  // namespace xp
