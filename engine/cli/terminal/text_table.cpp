// Widths first, then lines.
#include "engine/cli/terminal/text_table.h"

#include "engine/base/text.h"

#include <algorithm>

namespace xp {

std::string text_table(const std::vector<std::vector<std::string>>& rows,
                       const std::function<Colour(size_t row, size_t column)>& colour) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto& row = rows[r];
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += colour ? coloured(row[i], colour(r, i)) : row[i];
      line += std::string(widths[i] - display_width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace xp
