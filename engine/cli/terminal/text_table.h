// Plain tables for terminals.
#pragma once

#include "engine/cli/terminal/colour.h"

#include <functional>
#include <string>
#include <vector>

namespace xp {

/// Rows of cells below a header, columns padded to the widest cell; numbers are not aligned.
/// `colour` gives the colour of a cell by its row (the header is row 0) and column; empty = none.
std::string text_table(const std::vector<std::vector<std::string>>& rows,
                       const std::function<Colour(size_t row, size_t column)>& colour = {});

}  // namespace xp
