// Moves the cursor up over the last drawing and overwrites it.
#include "engine/cli/terminal/screen.h"

#include "engine/base/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace xp {

bool Screen::is_there() {
  return is_capable_terminal(STDOUT_FILENO);
}

Screen::Screen() {
  measure();
  has_keys_ = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (!has_keys_) return;
  termios now = before_;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals stay: Ctrl-C ends
  ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

Screen::~Screen() {
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Screen::measure() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
  const bool is_same = columns_ == size.ws_col && rows_ == size.ws_row;
  // Lines may have been wrapped anew, so nothing is known of where the drawing is.
  if (!is_same && drawn_ > 0) {
    fmt::print("\033[2J\033[H");
    drawn_ = 0;
  }
  columns_ = size.ws_col;
  rows_ = size.ws_row;
}

size_t Screen::height() {
  measure();
  return rows_ > 1 ? rows_ - 1 : 1;
}

void Screen::draw(const std::vector<std::string>& lines) {
  const size_t count = std::min(lines.size(), height());
  std::string out;
  if (drawn_ > 0) out += fmt::format("\033[{}A\r", drawn_);
  for (size_t i = 0; i < count; ++i)
    out += clipped(lines[i], columns_) + "\033[K\n";
  out += "\033[J";
  drawn_ = count;
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

bool Screen::wait(double seconds) {
  pollfd keys{has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
  const int found = ::poll(&keys, 1, static_cast<int>(std::clamp(seconds * 1000, 0.0, 1e9)));
  if (found <= 0 || (keys.revents & POLLIN) == 0) return false;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) != 1) {
    has_keys_ = false;  // the other end is gone
    return false;
  }
  return key == 'q' || key == 'Q';
}

}  // namespace xp
