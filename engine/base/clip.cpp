// Whole characters only.
#include "engine/base/clip.h"

#include "engine/base/text.h"

#include <algorithm>
#include <sys/ioctl.h>

namespace xp {
namespace {

size_t code_point_bytes(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xE0) return 2;
  return first < 0xF0 ? 3 : 4;
}

}  // namespace

std::string clipped(std::string_view line, size_t columns) {
  size_t width = 0, end = 0;
  while (end < line.size()) {
    const size_t bytes =
        std::min(code_point_bytes(static_cast<unsigned char>(line[end])), line.size() - end);
    width += display_width(line.substr(end, bytes));
    if (width > columns) break;
    end += bytes;
  }
  return std::string(line.substr(0, end));
}

size_t terminal_columns(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace xp
