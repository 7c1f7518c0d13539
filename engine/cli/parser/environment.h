// What the environment variables that `xp` reads for its users mean.
#pragma once

#include "engine/base/environment.h"

namespace xp {

struct Variable {
  const char *name, *meaning;
};

/// For `xp help environment`.
inline constexpr Variable kVariables[] = {
    {variable::kWorkspace, "the workspace (xp-workspace)"},
    {variable::kMirror, "a folder searched before anything is downloaded"},
    {variable::kEngine, "the program that trains and evaluates (xp-engine beside xp)"},
    {variable::kPlugins, "plug-ins for every experiment, separated by colons"},
    {"NO_COLOR", "if it is not empty, output has no colours"},
};

}  // namespace xp
