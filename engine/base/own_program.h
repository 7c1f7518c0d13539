// Where the program that runs lies.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace xp {

/// The path of this program's file, also after somebody has built it anew: the kernel then says
/// "PATH (deleted)", and what is started from now on is the new one.
inline std::filesystem::path own_program() {
  std::string path = std::filesystem::read_symlink("/proc/self/exe").string();
  constexpr std::string_view kGone = " (deleted)";
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return path;
}

}  // namespace xp
