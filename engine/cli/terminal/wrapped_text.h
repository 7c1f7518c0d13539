// Text broken into lines that fit a terminal.
#pragma once

#include <string>
#include <string_view>

namespace xp {

/// `head`, then the text in lines of at most `columns` columns, all but the first indented by the
/// width of `head`; ends in a line end. Breaks at spaces, and inside what is wider than a line.
/// Control characters become spaces.
std::string wrapped_text(std::string_view head, std::string_view text, size_t columns);

}  // namespace xp
