// The program `xp`.
#include "engine/base/standard_error.h"
#include "engine/cli/commands/command_line.h"

int main(int count, char** words) {
  xp::forgive_standard_error();
  return xp::run_command_line(count, words);
}
