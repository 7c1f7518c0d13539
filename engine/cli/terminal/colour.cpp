// The convention of no-color.org.
#include "engine/cli/terminal/colour.h"

#include "engine/base/environment.h"
#include "engine/base/terminal.h"

#include <unistd.h>

namespace xp {

bool wants_colour() {
  return environment_value("NO_COLOR").empty() && is_capable_terminal(STDOUT_FILENO);
}

}  // namespace xp
