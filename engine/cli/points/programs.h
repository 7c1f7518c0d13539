// Paths of the programs and their files: side by side in a build folder, or below a prefix as
// `make install` puts them.
#pragma once

#include "engine/experiment/plugins.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// The program that trains and evaluates: XP_ENGINE, else xp-engine beside this program. It may not
/// exist.
std::filesystem::path engine_file();
/// Its absolute path. Raises kMachine if it does not exist.
std::filesystem::path existing_engine();

/// The plug-ins that XP_PLUGINS names, separated by colons.
std::vector<std::string> plugin_files();

/// The declarations of all components, which the build writes. It may not exist.
std::filesystem::path components_file();

/// Caches answers in `xp/plugins` of XDG_CACHE_HOME, or of ~/.cache.
PluginDescriber plugin_describer();

}  // namespace xp
