// Plug-ins: shared objects with components that are not part of this repository.
//
// Built with find_package(xp) and xp_add_plugin (docs/plugins.md), named in [plugins] load or by
// XP_PLUGINS. `xp` takes their declarations from xp-engine (engine/experiment/plugins.h); a program
// that runs their components loads them.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A kind of component. Some are used by `xp` itself, which never links LibTorch, the others only
/// by xp-engine; a plug-in may not mix them.
struct KindOfComponent {
  const char* name;
  bool is_of_xp;
};
inline constexpr KindOfComponent kKinds[] = {
    {"corpus", true},    {"tokenizer", true}, {"metric", true}, {"launcher", true},
    {"renderer", true},  {"schedule", true},  {"model", false}, {"router", false},
    {"exchange", false}, {"optimizer", false}};

/// The build stamp of this program (plugin_stamp.h).
std::string own_stamp();

/// Raises kUser, naming `file`, unless `bytes` are a shared object for this machine whose stamps
/// all equal that of this program; the message has every field that differs with both values. Does
/// not run any of its code.
void check_stamp(const std::string& file, std::string_view bytes);

/// In what a shared object does not fit this program, as the end of a sentence about the file; the
/// same comparison as check_stamp. Nothing if its stamps all equal that of this program.
std::optional<std::string> stamp_misfit(std::string_view bytes);

/// The SHA-256 of a plug-in that this program may load. Raises kUser if there is no such file, and
/// as check_stamp does.
std::string checked_plugin(const std::filesystem::path& file);

/// Loads a plug-in and returns the components that it has registered; none if it was loaded before.
/// It stays loaded. Raises kUser as checked_plugin does, and if the loader refuses it, it registers
/// nothing or one of its components has the name of another.
std::vector<const AnyEntry*> load_plugin(const std::filesystem::path& file);

}  // namespace xp
