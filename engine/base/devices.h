// The devices that xp-engine can compute on: the CPU, and those of the modules beside it.
#pragma once

#include <filesystem>
#include <string>

namespace xp {

/// The shared object that adds an accelerator ("cuda") to the program `engine`; it need not exist.
inline std::filesystem::path accelerator_module(const std::filesystem::path& engine,
                                                const std::string& name) {
  return engine.parent_path() / ("libxp_" + name + ".so");
}

/// Whether it exists. Does not say that it can be loaded.
inline bool has_accelerator(const std::filesystem::path& engine, const std::string& name) {
  std::error_code code;
  return std::filesystem::is_regular_file(accelerator_module(engine, name), code);
}

}  // namespace xp
