// Whether standard output takes colours.
#pragma once

namespace xp {

/// True on a terminal, unless NO_COLOR is set or TERM is "dumb".
bool wants_colour();

}  // namespace xp
