// Redraws the lower part of a terminal with plain escape sequences, which every terminal and ssh
// understand.
#pragma once

#include <string>
#include <termios.h>
#include <vector>

namespace xp {

class Screen {
 public:
  /// Whether standard output is a terminal that can be drawn on.
  static bool is_there();

  /// While it exists, keys are read without Enter and not echoed.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Lines that fit now.
  size_t height();
  /// Replaces the last drawing; lines and columns that do not fit are cut.
  void draw(const std::vector<std::string>& lines);
  /// Waits for a key, a signal or so many seconds; returns whether q was typed.
  bool wait(double seconds);

 private:
  void measure();

  termios before_{};
  bool has_keys_ = false;
  size_t columns_ = 80, rows_ = 24, drawn_ = 0;
};

}  // namespace xp
