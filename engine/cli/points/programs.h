// Where the programs and what belongs to them lie: in a build folder side by side, below a prefix
// as `make install` puts them.
#pragma once

#include "engine/cli/terminal/options.h"
#include "engine/experiment/plugins.h"

namespace xp {

/// The program that trains and evaluates, whether or not it is there.
std::filesystem::path engine_file(const Options& options);

/// What the build wrote down about the components, whether or not it is there.
std::filesystem::path components_file();

/// Answers are kept in `xp/plugins` of XDG_CACHE_HOME, or of ~/.cache.
PluginDescriber plugin_describer(const Options& options);

}  // namespace xp
