// One place reads the variables.
#include "engine/cli/parser/environment.h"

#include <cstdlib>

namespace xp {

std::string value_of(const Variable& variable) {
  const char* value = std::getenv(variable.name);
  return value == nullptr ? "" : value;
}

}  // namespace xp
