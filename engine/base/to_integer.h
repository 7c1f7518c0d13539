// Floating-point numbers to integers. A cast alone is undefined if the number does not fit.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace xp {

/// The number without its fraction; the nearest int64_t if it is out of range, 0 for NaN.
inline int64_t to_integer(double number) {
  constexpr double kEnd = 0x1p63;  // the largest int64_t is no double
  if (std::isnan(number)) return 0;
  if (number >= kEnd) return std::numeric_limits<int64_t>::max();
  if (number < -kEnd) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(number);
}

/// The same of the number rounded, halves away from zero.
inline int64_t to_nearest_integer(double number) {
  return to_integer(std::round(number));
}

}  // namespace xp
