// Components outside the tree: shared objects that register like files of plugins/.
//
// Built with find_package(xp) and xp_add_plugin (docs/plugins.md), named in [plugins] load or by
// XP_PLUGINS. `xp` takes their declarations from xp-engine (engine/experiment/plugins.h); a program
// that runs their components loads them.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Every kind of component. Those of `xp` are used by `xp` itself, which never links LibTorch; the
/// others by xp-engine alone. A plug-in holds components of one of the two sorts.
struct KindOfComponent {
  const char* name;
  bool is_of_xp;
};
inline constexpr KindOfComponent kKinds[] = {
    {"corpus", true},    {"tokenizer", true}, {"metric", true}, {"launcher", true},
    {"renderer", true},  {"schedule", true},  {"model", false}, {"router", false},
    {"exchange", false}, {"optimizer", false}};

/// What this program was built with, in the form of plugin_stamp.h.
std::string own_stamp();

/// Raises kUser, naming `file`, unless `bytes` are a shared object of this machine whose stamps are
/// all that of this program: every field that differs is named with both values. Runs nothing of
/// it.
void check_stamp(const std::string& file, std::string_view bytes);

/// The SHA-256 of a plug-in that this program may load. Raises kUser where there is no such file,
/// and as check_stamp.
std::string checked_plugin(const std::filesystem::path& file);

/// Loads a plug-in and returns the components that it has registered; none where it is loaded
/// already. It stays loaded. Raises kUser as checked_plugin, where the loader refuses it, where it
/// registers nothing, and where a component has the name of another.
std::vector<const AnyEntry*> load_plugin(const std::filesystem::path& file);

}  // namespace xp
