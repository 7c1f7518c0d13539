// Reads one line from the terminal.
#include "engine/cli/terminal/question.h"

#include "engine/base/text.h"

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace xp {

bool is_conversation() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool agreed(bool yes, const std::string& question) {
  if (yes) return true;
  fmt::print(stderr, "{} [y/N] ", question);
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  answer = trim(answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace xp
