// Colours on terminals.
#pragma once

#include <string>
#include <string_view>

namespace xp {

enum class Colour { kNone, kGreen, kYellow, kRed };

/// Whether standard output takes colours: true on a terminal, unless NO_COLOR is set or TERM is
/// "dumb".
bool wants_colour();

/// `text` between the escape sequences of `colour`; without, as it is.
std::string coloured(std::string_view text, Colour colour);

}  // namespace xp
