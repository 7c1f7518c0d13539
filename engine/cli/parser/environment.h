// The environment variables that `xp` reads for its users.
#pragma once

#include <string>

namespace xp {

struct Variable {
  const char *name, *meaning;
};

inline constexpr Variable kWorkspaceVariable{"XP_WORKSPACE", "the workspace (xp-workspace)"},
    kMirrorVariable{"XP_MIRROR", "a folder searched before anything is downloaded"},
    kEngineVariable{"XP_ENGINE", "the program that trains and evaluates (xp-engine beside xp)"},
    kPluginsVariable{"XP_PLUGINS", "plug-ins for every experiment, separated by colons"},
    kNoColourVariable{"NO_COLOR", "if it is not empty, output has no colours"};

/// All of them, for `xp help environment`.
inline constexpr Variable kVariables[] = {kWorkspaceVariable, kMirrorVariable, kEngineVariable,
                                          kPluginsVariable, kNoColourVariable};

/// Its value; "" if it is not set.
std::string value_of(const Variable& variable);

}  // namespace xp
