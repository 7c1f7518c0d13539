// One rate for trainings, one for evaluations.
#include "engine/run/work_clock.h"

#include "engine/base/text.h"

#include <fmt/format.h>

namespace xp {
namespace {

constexpr double kMinShown_s = 60;

}  // namespace

WorkClock::WorkClock(const std::vector<Work>& work) {
  for (const Work& one : work) {
    is_training_.push_back(one.is_training());
    costs_.push_back(one.cost);
    kind_of(costs_.size() - 1).left += one.cost;
  }
}

void WorkClock::done(size_t index, std::optional<double> seconds) {
  Kind& kind = kind_of(index);
  kind.left -= costs_[index];
  ++num_done_;
  if (!seconds) return;
  kind.timed += costs_[index];
  kind.seconds += *seconds;
}

std::optional<double> WorkClock::left_s(size_t at_a_time) const {
  constexpr double kNothing = 1e-9;  // of what sums of costs lose
  double out = 0;
  for (const Kind& kind : kinds_) {
    if (kind.left <= kNothing * (kind.left + kind.timed)) continue;
    if (kind.timed <= 0) return std::nullopt;
    out += kind.left * kind.seconds / kind.timed;
  }
  return out / static_cast<double>(at_a_time);
}

std::string WorkClock::sentence(size_t at_a_time) const {
  const auto left = left_s(at_a_time);
  if (!left || *left < kMinShown_s) return "";
  return fmt::format("{} of {} runs done, about {} left", num_done_, costs_.size(),
                     human_duration(*left));
}

}  // namespace xp
