// A progress bar with rate and time left on a terminal, occasional lines elsewhere, on standard
// error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace xp {

/// "41.2k/s", "1.4/s", "3.0/min".
std::string human_rate(double per_second);

/// Shows one activity. Cheap to call: a terminal is redrawn at most ten times a second, one line
/// cut to its width; elsewhere a line is written when a tenth of the work is done or 10 s have
/// passed. A rate is shown once it has been measured for a second.
class Progress {
 public:
  enum class Style { kAuto, kBar, kLines, kQuiet };

  /// `total` 0 means unknown. `unit` names what is counted ("lines", "updates"); bytes are shown as
  /// sizes.
  Progress(std::string title, int64_t total, std::string unit, Style style = Style::kAuto);
  ~Progress();  ///< ends the bar without a summary if `finish` was not called
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Starts measuring rate and time now, with `done` already there and perhaps another total: for
  /// work that resumes, or whose size is known late.
  void restart(int64_t done, int64_t total);

  /// Corrects a total that was an estimate.
  void expect(int64_t total) { total_ = total; }

  /// `done` is the amount so far, `note` a few words shown behind the figures ("loss 4.21").
  void update(int64_t done, const std::string& note = "");

  /// Replaces the bar by one line: title, amount, time, rate, note.
  void finish(const std::string& note = "");

 private:
  using Clock = std::chrono::steady_clock;
  double seconds() const;
  double rate() const;
  std::string amount(double value) const;
  std::string speed_text(double per_second) const;
  std::string figures() const;
  void draw(const std::string& note);

  std::string title_, unit_;
  int64_t total_, begun_ = 0, done_ = 0, last_tenth_ = 0;
  bool bar_, quiet_, finished_ = false;
  Clock::time_point start_ = Clock::now(), shown_{};
};

}  // namespace xp
