// `--notify COMMAND`: runs the user's command at failures and at the end.
#pragma once

#include <chrono>
#include <deque>
#include <string>

namespace xp {

/// What happened; the command finds it in XP_EVENT, XP_EXPERIMENT, XP_DONE, XP_FAILED, XP_MESSAGE.
struct Notice {
  std::string event;  ///< "failure": the first run of a sweep that failed; "end": the sweep is over
  std::string experiment;
  size_t done = 0, failed = 0;  ///< points so far
  std::string message;          ///< one sentence
};

/// Runs the command in a shell in the background, one notice after the other; its output goes to
/// standard error. Only the destructor waits for it, at most for the timeout. If it fails, a
/// warning is printed.
class Notifier {
 public:
  static constexpr std::chrono::seconds kTimeout{30};

  /// An empty command: nothing is ever run.
  explicit Notifier(std::string command, std::chrono::milliseconds timeout = kTimeout)
      : command_(std::move(command)), timeout_(timeout) {}
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void notify(const Notice& notice);
  /// Only the first call does something.
  void notify_first_failure(const Notice& notice);
  /// Warns of a command that failed, kills one that exceeded the timeout, starts the next.
  void poll();

 private:
  using Clock = std::chrono::steady_clock;
  void start(const Notice& notice);
  bool has_ended();

  std::string command_;
  std::chrono::milliseconds timeout_;
  bool has_failed_ = false;
  std::deque<Notice> waiting_;
  int process_ = 0;  ///< of the command that runs, 0 = none
  Clock::time_point begun_{};
};

}  // namespace xp
