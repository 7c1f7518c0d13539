// Whole characters only.
#include "engine/base/terminal.h"

#include "engine/base/environment.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace xp {
namespace {

// The length of the colour that `text` begins with, as in "\033[31m"; else 0.
size_t colour_length(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != text.npos && text[end] == 'm' ? end + 1 : 0;
}

}  // namespace

bool is_capable_terminal(int descriptor) {
  const std::string kind = environment_value("TERM");
  return ::isatty(descriptor) == 1 && !kind.empty() && kind != "dumb";
}

std::string clipped(std::string_view line, size_t columns) {
  std::string out;
  size_t width = 0;
  for (size_t at = 0, next = 0; at < line.size(); at = next) {
    if (const size_t colour = colour_length(line.substr(at)); colour > 0) {
      next = at + colour;
      out += line.substr(at, colour);
      continue;
    }
    next_code_point(line, next);
    const std::string_view character = line.substr(at, next - at);
    width += display_width(character);
    if (width <= columns) out += character;
  }
  return out;
}

size_t terminal_columns(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace xp
