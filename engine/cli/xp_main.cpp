// The program `xp`.
#include "engine/base/standard_streams.h"
#include "engine/cli/parser/command_line.h"

int main(int count, char** words) {
  xp::open_standard_descriptors();
  xp::tolerate_full_standard_error();
  return xp::run_command_line(count, words);
}
