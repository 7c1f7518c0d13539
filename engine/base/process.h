// One short-lived program, run to its end with its output captured.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

struct Finished {
  int exit_code = 0;   ///< 128 + signal where a signal ended it; 127 where it could not be started
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// Runs `command` (no shell) in `folder` and waits. Standard input is empty. The program dies with
/// this process.
Finished run_program(const std::vector<std::string>& command,
                     const std::filesystem::path& folder = ".");

/// The path of a program on PATH, or "".
std::string find_program(const std::string& name);

/// A TCP port on 127.0.0.1 that nobody listens on at the moment. Raises kMachine where there is
/// none.
int free_port();

}  // namespace xp
