// Terminals: whether output goes to one, how wide it is, and text cut to that width.
#pragma once

#include <string>
#include <string_view>

namespace xp {

/// Whether a descriptor is a terminal that moves its cursor and has colours: TERM is set and is not
/// "dumb".
bool is_capable_terminal(int descriptor);

/// The longest beginning of a line that fits into so many columns. Sequences that set a colour take
/// no column, and none is lost.
std::string clipped(std::string_view line, size_t columns);

/// Columns of the terminal behind a descriptor; 0 if it is none or does not say.
size_t terminal_columns(int descriptor);

}  // namespace xp
