// What plug-ins declare. `xp` learns it without running their code in its own process.
//
// `xp-engine describe --plugin FILE` is run once. Its answer is cached under the hash of the file
// and of what this xp was built with, so only the first use of a plug-in is slow (it loads
// LibTorch).
#pragma once

#include "engine/experiment/source.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// A plug-in that is compatible with this xp.
struct Plugin {
  std::filesystem::path file;  ///< absolute
  std::string sha256;
  std::vector<Declaration> declarations;
  bool is_of_xp = false;  ///< its components are of kinds that `xp` itself uses (registry/plugin.h)
};

/// The program that describes plug-ins, and where its answers are cached.
struct PluginDescriber {
  std::filesystem::path engine;  ///< the program xp-engine
  std::filesystem::path cache;   ///< a folder, made if needed; empty = no cache
};

/// Raises kUser, naming the file: no such file, another stamp (see check_stamp), nothing
/// registered, a name that is taken, an unknown kind, rules or figures that cannot be read, kinds
/// of `xp` and of xp-engine in one file, a crash or a lasting silence while it is described. Raises
/// kMachine if xp-engine is missing. A damaged cache entry is made again; a cache that cannot be
/// written is ignored.
Plugin describe_plugin(const std::filesystem::path& file, const PluginDescriber& describer);

/// [plugins] of the specs of an experiment's runs: {load: files, sha256: hashes}; null if it has no
/// plug-ins.
Value plugin_table(const std::vector<Plugin>& plugins);

/// A plug-in named in an experiment, and the place of its name.
struct PluginName {
  std::filesystem::path file;
  Place place;
};

/// [plugins] load of an experiment; relative names start at the file that holds the key. Other
/// values than texts are left out: load_spec reports them.
std::vector<PluginName> plugin_names(const Source& source);

/// Describes each file once. Problems are added at the place of the name.
std::vector<Plugin> describe_plugins(const std::vector<PluginName>& names,
                                     const PluginDescriber& describer, Problems& problems);

/// The catalog with the components of plug-ins. Raises kUser if one has the name of another.
Catalog with_plugins(const Catalog& catalog, const std::vector<Plugin>& plugins);

}  // namespace xp
