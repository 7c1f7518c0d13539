// Plug-ins as `xp` knows them: what they declare, without running them in this process.
//
// `xp-engine describe --plugin FILE` answers once; what it said is kept by the hash of the file and
// of what this xp was built with, so only the first use of a plug-in takes longer (LibTorch is
// loaded for it).
#pragma once

#include "engine/experiment/source.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// A plug-in that fits this xp.
struct Plugin {
  std::filesystem::path file;  ///< absolute
  std::string sha256;
  std::vector<Declaration> declarations;
  bool is_of_xp = false;  ///< its components are of kinds that `xp` itself uses (registry/plugin.h)
};

/// Who describes plug-ins, and where the answers are kept.
struct PluginDescriber {
  std::filesystem::path engine;  ///< the program xp-engine
  std::filesystem::path cache;   ///< a folder, made when needed; empty = nothing is kept
};

/// Raises kUser, naming the file: no such file, another stamp (see check_stamp), nothing
/// registered, a name that is taken, an unknown kind, rules or figures that cannot be read, kinds
/// of `xp` and of xp-engine in one file, a crash or a lasting silence while it is described. Raises
/// kMachine where xp-engine is missing. A damaged answer in the cache is asked for again; a cache
/// that cannot be written is done without.
Plugin describe_plugin(const std::filesystem::path& file, const PluginDescriber& describer);

/// The plug-ins of an experiment as its run folders name them: {load: files, sha256: hashes}; null
/// where it has none.
Value plugin_table(const std::vector<Plugin>& plugins);

/// A file that an experiment names, and where it does.
struct PluginName {
  std::filesystem::path file;
  Place place;
};

/// [plugins] load of an experiment; relative names start at the file that holds the key. Other
/// values than texts are left out: load_spec reports them.
std::vector<PluginName> plugin_names(const Source& source);

/// Describes each file once. What is wrong is added to `problems`, at the place of the name.
std::vector<Plugin> describe_plugins(const std::vector<PluginName>& names,
                                     const PluginDescriber& describer, Problems& problems);

/// Adds what plug-ins declare. Raises kUser where a component has the name of another.
Catalog with_plugins(const Catalog& catalog, const std::vector<Plugin>& plugins);

}  // namespace xp
