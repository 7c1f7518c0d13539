// How numbers are written wherever people read them.
#include "registry/renderer.h"

namespace xp {

std::string number_text(const Column& column, double value) {
  std::string out = fmt::format("{:.{}f}", value / column.scale, column.decimals);
  // -0.00 would be read as a loss
  if (out.find_first_of("123456789") == std::string::npos && out[0] == '-') out.erase(0, 1);
  return out + column.suffix;
}

std::string head_text(const Column& column) {
  return column.unit.empty() ? column.name : column.name + " " + column.unit;
}

}  // namespace xp
