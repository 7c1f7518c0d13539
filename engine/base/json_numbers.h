// Numbers in JSON that may be damaged. Value::get casts whatever number is there, which is
// undefined if it does not fit.
#pragma once

#include "engine/base/value.h"

#include <cstdint>

namespace xp {

/// Raises Value::exception unless it is an integer.
inline int64_t integer_from(const Value& value) {
  return value.get_ref<const int64_t&>();
}

/// Whether it can be a time in seconds since 1970: at least 0, and before the year 10000, where
/// dates end.
inline bool is_time(const Value& value) {
  return value.is_number() && value.get<double>() >= 0 && value.get<double>() < 253402300800.0;
}

}  // namespace xp
