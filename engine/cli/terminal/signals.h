// Counts signals; their meaning is decided elsewhere.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

namespace xp {

/// While it exists, signals are only counted, except those that were ignored before (nohup).
class SignalWatch {
 public:
  /// The third signal ends the program at once, with the ranks it started, or is counted like the
  /// others if no impatient user sends them.
  enum class Many { kEndAtOnce, kAreCounted };

  explicit SignalWatch(std::initializer_list<int> signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT},
                       Many many = Many::kEndAtOnce);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// How many were received, and the last one, or 0.
  static int count();
  static int received();

 private:
  std::vector<int> signals_;
};

}  // namespace xp
