// Command lines typed by a test.
#pragma once

#include "engine/base/file.h"
#include "engine/cli/parser/command_line.h"

#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

namespace xp {

struct Typed {
  int exit_code = 0;
  std::string output;
};

/// Runs a command line of this program with standard output into a file.
inline Typed type(std::vector<std::string> words) {
  const TempFolder folder;
  const fs::path file = folder.path() / "out";
  words.insert(words.begin(), "xp");
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  std::fflush(stdout);
  const int kept = ::dup(STDOUT_FILENO);
  if (std::freopen(file.c_str(), "w", stdout) == nullptr) return {-1, ""};
  Typed out;
  out.exit_code = run_command_line(static_cast<int>(arguments.size()), arguments.data());
  std::fflush(stdout);
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept);
  out.output = read_file(file);
  return out;
}

}  // namespace xp
