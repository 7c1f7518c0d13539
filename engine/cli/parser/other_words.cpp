// A list that the commands' files make before main() starts.
#include "engine/cli/parser/other_words.h"

#include "engine/base/text.h"

namespace xp {
namespace {

const OtherWords*& first_words() {
  static const OtherWords* first = nullptr;
  return first;
}

}  // namespace

OtherWords::OtherWords(const char* command_name, const char* many_words)
    : command(command_name), words(many_words), next(first_words()) {
  first_words() = this;
}

std::string_view command_called(std::string_view word) {
  for (const auto* entry = first_words(); entry != nullptr; entry = entry->next) {
    for (const auto& one : split(entry->words, ' '))
      if (one == word) return entry->command;
  }
  return "";
}

}  // namespace xp
