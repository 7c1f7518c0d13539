// The list of commands, made before main() starts.
#include "engine/cli/parser/command.h"

#include "engine/base/text.h"

#include <algorithm>
#include <tuple>

namespace xp {
namespace {

const CommandEntry*& first_entry() {
  static const CommandEntry* first = nullptr;
  return first;
}

}  // namespace

void declare(Command& command, Arguments& arguments) {
  command.declare(arguments);
  arguments.flag_verbose();
}

CommandEntry::CommandEntry(const char* command_name, Group of_group, Make make_command,
                           const char* one_line, const char* words_elsewhere)
    : name(command_name),
      group(of_group),
      make(make_command),
      summary(one_line),
      words(words_elsewhere),
      next(first_entry()) {
  first_entry() = this;
}

std::vector<const CommandEntry*> commands() {
  std::vector<const CommandEntry*> out;
  for (const auto* entry = first_entry(); entry != nullptr; entry = entry->next) {
    if (entry->group != Group::kHidden) out.push_back(entry);
  }
  std::sort(out.begin(), out.end(), [](const CommandEntry* a, const CommandEntry* b) {
    return std::tuple(a->group, std::string_view(a->name)) <
           std::tuple(b->group, std::string_view(b->name));
  });
  return out;
}

const CommandEntry* find_command(std::string_view name) {
  const auto* entry = first_entry();
  while (entry != nullptr && name != entry->name)
    entry = entry->next;
  return entry;
}

const CommandEntry* command_called(std::string_view word) {
  if (word.empty()) return nullptr;
  for (const auto* entry = first_entry(); entry != nullptr; entry = entry->next) {
    const auto words = split(entry->words, ' ');
    if (std::find(words.begin(), words.end(), word) != words.end()) return entry;
  }
  return nullptr;
}

std::string unknown_command(const std::string& name) {
  if (const auto* meant = command_called(name); meant != nullptr) {
    return fmt::format("no command named '{}'; `xp {}` may be what you want: {}", name, meant->name,
                       meant->summary);
  }
  Words known;
  for (const auto* entry : commands())
    known.emplace_back(entry->name);
  return unknown_name("command", name, known);
}

}  // namespace xp
