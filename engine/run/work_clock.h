// How much of a list of work is done, and how long the rest may take.
#pragma once

#include "engine/run/work.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Trainings are weighed by their cost, evaluations count alike: what those of this list took says
/// how long the others will take.
class WorkClock {
 public:
  explicit WorkClock(const std::vector<Work>& work);

  /// A run is done. `seconds`: what the whole of it took; nothing if a part was done before.
  void done(size_t index, std::optional<double> seconds);

  /// Until all is done with so many runs at a time. Nothing before a run of each kind that is left
  /// was timed.
  std::optional<double> left_s(size_t at_a_time) const;

  /// "2 of 6 runs done, about 12 min left"; "" if less than a minute is left or nothing is known.
  std::string sentence(size_t at_a_time) const;

 private:
  struct Kind {
    double left = 0;                ///< cost
    double timed = 0, seconds = 0;  ///< cost of those that were timed, and what they took
  };
  Kind& kind_of(size_t index) { return kinds_[is_training_[index] ? 0 : 1]; }

  std::vector<bool> is_training_;
  std::vector<double> costs_;
  Kind kinds_[2];
  size_t num_done_ = 0;
};

}  // namespace xp
