// Paths relative to the running program.
#include "engine/cli/points/programs.h"

#include "engine/base/own_program.h"
#include "engine/base/text.h"
#include "engine/cli/parser/environment.h"

#include <cstdlib>

namespace xp {
namespace {

namespace fs = std::filesystem;

fs::path program_folder() {
  return own_program().parent_path();
}

fs::path path_from(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

fs::path cache_folder() {
  if (const fs::path cache = path_from("XDG_CACHE_HOME"); cache.is_absolute()) return cache;
  const fs::path home = path_from("HOME");
  return home.is_absolute() ? home / ".cache" : fs::path();
}

}  // namespace

fs::path engine_file() {
  const fs::path named = value_of(kEngineVariable);
  return named.empty() ? program_folder() / "xp-engine" : named;
}

std::vector<std::string> plugin_files() {
  auto out = split(value_of(kPluginsVariable), ':');
  std::erase(out, "");
  return out;
}

fs::path components_file() {
  const fs::path folder = program_folder(), installed = "share/xp/components.json";
  const fs::path beside = folder / "components.json";
  return fs::exists(beside) ? beside : folder.parent_path() / installed;
}

PluginDescriber plugin_describer() {
  const fs::path cache = cache_folder();
  return {engine_file(), cache.empty() ? cache : cache / "xp" / "plugins"};
}

}  // namespace xp
