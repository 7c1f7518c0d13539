// The program `xp`.
#include "engine/cli/command_line.h"

int main(int count, char** words) {
  return xp::run_command_line(count, words);
}
