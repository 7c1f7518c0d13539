// `--notify CMD`: tells a person's command of failures and ends.
#pragma once

#include <chrono>
#include <deque>
#include <string>

namespace xp {

/// What happened, as the command finds it in XP_EVENT, XP_EXPERIMENT, XP_DONE, XP_FAILED and
/// XP_MESSAGE.
struct Notice {
  std::string event;  ///< "failure": the first run of a sweep that failed; "end": the sweep is over
  std::string experiment;
  size_t done = 0, failed = 0;  ///< points so far
  std::string message;          ///< one sentence
};

/// Runs the command in a shell beside this process, one notice after the other; what it prints goes
/// to standard error. Nothing waits for it but the end of this object, and that no longer than the
/// time it has. Its failure is a warning.
class Notifier {
 public:
  static constexpr std::chrono::seconds kTimeout{30};

  /// An empty command: nothing is ever run.
  explicit Notifier(std::string command, std::chrono::milliseconds timeout = kTimeout)
      : command_(std::move(command)), timeout_(timeout) {}
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void tell(const Notice& notice);
  /// Tells of a failure, once.
  void tell_first_failure(const Notice& notice);
  /// Warns of what ended badly, ends what takes too long, goes on with the next notice.
  void look();

 private:
  using Clock = std::chrono::steady_clock;
  void start(const Notice& notice);
  bool has_ended();

  std::string command_;
  std::chrono::milliseconds timeout_;
  bool has_failed_ = false;
  std::deque<Notice> waiting_;
  int process_ = 0;  ///< of the notice being told, 0 = none
  Clock::time_point begun_{};
};

}  // namespace xp
