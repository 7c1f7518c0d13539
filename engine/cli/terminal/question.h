// Asks the user before something that cannot be undone.
#pragma once

#include <string>

namespace xp {

/// Whether standard input and standard error are terminals.
bool is_conversation();

/// Asks on standard error and reads a line; anything but y or yes is no. True at once if `yes`.
bool agreed(bool yes, const std::string& question);

}  // namespace xp
