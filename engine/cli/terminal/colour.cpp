// The convention of no-color.org; the colours are those that a person chose for the terminal.
#include "engine/cli/terminal/colour.h"

#include "engine/base/environment.h"
#include "engine/base/terminal.h"

#include <fmt/format.h>

#include <unistd.h>

namespace xp {

bool wants_colour() {
  return environment_value("NO_COLOR").empty() && is_capable_terminal(STDOUT_FILENO);
}

std::string coloured(std::string_view text, Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return fmt::format("\033[32m{}\033[0m", text);
    case Colour::kYellow:
      return fmt::format("\033[33m{}\033[0m", text);
    case Colour::kRed:
      return fmt::format("\033[31m{}\033[0m", text);
    case Colour::kNone:
      break;
  }
  return std::string(text);
}

}  // namespace xp
