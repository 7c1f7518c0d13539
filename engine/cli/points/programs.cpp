// Paths relative to the running program.
#include "engine/cli/points/programs.h"

#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/own_program.h"
#include "engine/base/text.h"

namespace xp {
namespace {

namespace fs = std::filesystem;

fs::path program_folder() {
  return own_program().parent_path();
}

fs::path cache_folder() {
  if (const fs::path cache = environment_value("XDG_CACHE_HOME"); cache.is_absolute()) return cache;
  const fs::path home = environment_value("HOME");
  return home.is_absolute() ? home / ".cache" : fs::path();
}

}  // namespace

fs::path engine_file() {
  const fs::path named = environment_value(variable::kEngine);
  return named.empty() ? program_folder() / "xp-engine" : named;
}

fs::path existing_engine() {
  const fs::path engine = engine_file();
  if (!fs::exists(engine))
    machine_error("'{}' is missing; build it with `make build`", engine.string());
  return fs::absolute(engine);
}

std::vector<std::string> plugin_files() {
  auto out = split(environment_value(variable::kPlugins), ':');
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
