// The command line of `xp`: finds the command, parses its arguments, runs it.
#pragma once

namespace xp {

/// Runs one command; the exit code of the program. Errors are printed.
int run_command_line(int count, char** words);

}  // namespace xp
