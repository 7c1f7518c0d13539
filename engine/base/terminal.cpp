// Whole characters only.
#include "engine/base/terminal.h"

#include "engine/base/text.h"
#include "engine/base/utf8.h"

#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace xp {

bool is_capable_terminal(int descriptor) {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::string clipped(std::string_view line, size_t columns) {
  size_t width = 0, end = 0;
  for (size_t next = 0; next < line.size(); end = next) {
    next_code_point(line, next);
    width += display_width(line.substr(end, next - end));
    if (width > columns) break;
  }
  return std::string(line.substr(0, end));
}

size_t terminal_columns(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace xp
