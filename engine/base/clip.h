// Cutting text to the columns of a terminal.
#pragma once

#include <string>
#include <string_view>

namespace xp {

/// The longest beginning of a line that fits into so many columns.
std::string clipped(std::string_view line, size_t columns);

/// Columns of the terminal behind a descriptor; 0 if it is none or does not say.
size_t terminal_columns(int descriptor);

}  // namespace xp
