// The command line: its grammar, its help, and what a mistake in it says.
#pragma once

namespace xp {

/// Runs one command; the exit code of the program.
int run_command_line(int count, char** words);

}  // namespace xp
