// Ctrl-C and friends: signals are counted, what they mean is decided elsewhere.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

namespace xp {

/// While it lives, signals are only counted, but for those that were ignored before (nohup).
class SignalWatch {
 public:
  /// What the third one does: it ends the program at once (and, as they are tied to it, the ranks
  /// it started), or is counted like the others, where no impatient person sends them.
  enum class Many { kEndAtOnce, kAreCounted };

  explicit SignalWatch(std::initializer_list<int> signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT},
                       Many many = Many::kEndAtOnce);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// How many came, and the last one, or 0.
  static int count();
  static int received();

 private:
  std::vector<int> signals_;
};

}  // namespace xp
