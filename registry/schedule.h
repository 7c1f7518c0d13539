// Kind `schedule`: update number to learning rate.
#pragma once

#include "registry/registry.h"

namespace xp {

struct Schedule {
  static constexpr const char* kKind = "schedule";
  virtual ~Schedule() = default;
  /// The factor on the peak learning rate at `update` (the first is 1); finite, >= 0, a pure
  /// function.
  virtual double factor(int64_t update) const = 0;
};

}  // namespace xp
