// The convention of no-color.org.
#include "engine/cli/terminal/colour.h"

#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace xp {

bool wants_colour() {
  const char *refused = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace xp
