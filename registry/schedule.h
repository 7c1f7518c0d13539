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

/// A rule of schedules with a setting `warmup_updates`: a note if training ends before the peak.
inline Rule peak_is_reached() {
  return {"E043",
          "warmup_updates <= train.max_updates",
          "'warmup_updates' is {warmup_updates}, but training ends after {train.max_updates} "
          "updates: the learning rate never reaches 'lr'; lower 'warmup_updates'",
          {"train.schedule.warmup_updates", "train.max_updates"},
          /*is_note=*/true};
}

}  // namespace xp
