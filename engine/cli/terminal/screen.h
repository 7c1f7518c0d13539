// The lower part of a terminal, drawn over and over; plain escape sequences, as every terminal and
// ssh know them.
#pragma once

#include <string>
#include <string_view>
#include <termios.h>
#include <vector>

namespace xp {

/// The longest beginning of a line that fits into so many columns.
std::string cut_to_width(std::string_view line, size_t columns);

class Screen {
 public:
  /// Whether standard output is a terminal that can be drawn on.
  static bool is_there();

  /// Keys come without Enter and are not shown while it lives.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// How many lines can be drawn now.
  size_t height();
  /// Replaces what was drawn; what does not fit is cut.
  void draw(const std::vector<std::string>& lines);
  /// Waits for a key, a signal or so many seconds; whether q was typed.
  bool wait(double seconds);

 private:
  void measure();

  termios before_{};
  bool has_keys_ = false;
  size_t columns_ = 80, rows_ = 24, drawn_ = 0;
};

}  // namespace xp
