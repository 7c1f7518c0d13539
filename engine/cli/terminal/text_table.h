// Plain tables for terminals.
#pragma once

#include <string>
#include <vector>

namespace xp {

/// Rows of cells below a header, columns padded to the widest cell; numbers are not aligned.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace xp
