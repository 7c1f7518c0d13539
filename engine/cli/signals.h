// Ctrl-C and friends: the first signal asks, the second one ends the program.
#pragma once

namespace xp {

/// While it lives, the first SIGINT or SIGTERM is only noted; a second one ends the program at once
/// (and, as they are tied to it, the ranks it started).
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The signal that came, or 0.
  static int received();
};

}  // namespace xp
