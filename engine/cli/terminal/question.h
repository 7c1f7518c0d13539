// Asking before something that cannot be taken back.
#pragma once

#include "engine/cli/terminal/options.h"

#include <string>

namespace xp {

/// Whether both ends of the conversation are a person's terminal.
bool is_conversation();

/// Whether a person says yes; anything but y or yes is no. True at once with --yes.
bool agreed(const Options& options, const std::string& question);

}  // namespace xp
