// The words by which other tools call what a command of `xp` does, for hints.
#pragma once

#include <string_view>

namespace xp {

/// Made before main() starts, beside the command's own XP_COMMAND.
struct OtherWords {
  /// `many_words`: with spaces between them.
  OtherWords(const char* command_name, const char* many_words);

  const char* command;
  const char* words;
  const OtherWords* next;
};

/// The name of the command that other tools call `word`; empty if there is none.
std::string_view command_called(std::string_view word);

}  // namespace xp
