// How often to ask a scheduler: soon after something changed, seldom while nothing does.
#pragma once

#include <algorithm>

namespace xp {

/// Times are seconds of any one clock. The first poll is due at once.
class PollPace {
 public:
  static constexpr double kSoon_s = 2, kSeldom_s = 30;

  bool is_due(double now_s) const { return now_s >= next_s_; }
  double next_s() const { return next_s_; }

  /// To be called after a poll: the next one is due in kSoon_s if something changed, else after one
  /// and a half times the last pause, at most kSeldom_s.
  void polled(double now_s, bool has_changed) {
    pause_s_ = has_changed ? kSoon_s : std::min(kSeldom_s, std::max(kSoon_s, pause_s_ * 1.5));
    next_s_ = now_s + pause_s_;
  }

 private:
  double next_s_ = 0, pause_s_ = 0;
};

}  // namespace xp
