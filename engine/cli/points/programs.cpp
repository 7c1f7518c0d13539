// Everything is found from the running program's own place.
#include "engine/cli/points/programs.h"

#include "engine/base/own_program.h"

#include <cstdlib>

namespace xp {
namespace {

namespace fs = std::filesystem;

fs::path program_folder() {
  return own_program().parent_path();
}

fs::path folder_from(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

fs::path cache_folder() {
  if (const fs::path cache = folder_from("XDG_CACHE_HOME"); cache.is_absolute()) return cache;
  const fs::path home = folder_from("HOME");
  return home.is_absolute() ? home / ".cache" : fs::path();
}

}  // namespace

fs::path engine_file(const Options& options) {
  return options.engine.empty() ? program_folder() / "xp-engine" : fs::path(options.engine);
}

fs::path components_file() {
  const fs::path folder = program_folder(), installed = "share/xp/components.json";
  const fs::path beside = folder / "components.json";
  return fs::exists(beside) ? beside : folder.parent_path() / installed;
}

PluginDescriber plugin_describer(const Options& options) {
  const fs::path cache = cache_folder();
  return {engine_file(options), cache.empty() ? cache : cache / "xp" / "plugins"};
}

}  // namespace xp
