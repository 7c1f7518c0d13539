// What a shell offers while a command line is being typed.
#pragma once

#include "engine/cli/terminal/options.h"

#include <map>
#include <string>
#include <vector>

namespace xp {

/// What one command takes, for completion.
struct CommandWords {
  enum class Takes { kNothing, kFile, kComponent, kRun, kPoints, kShell };
  Takes takes = Takes::kNothing;
  std::vector<std::string> options;  ///< "--json"
};

/// The candidates for the last of `words`, which is empty or begun; `words` are without the
/// program's name. Reads only what the place needs: files, the workspace, or the declarations.
std::vector<std::string> completed(const std::vector<std::string>& words,
                                   const std::map<std::string, CommandWords>& commands,
                                   const Options& options);

}  // namespace xp
