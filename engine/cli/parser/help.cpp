// Two layouts of one list.
#include "engine/cli/parser/help.h"

#include "engine/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

/// A command with its arguments. The targets live in the command.
struct Declared {
  explicit Declared(const CommandEntry& of)
      : entry(of), command(of.make()), arguments({"xp", of.name}) {
    declare(*command, arguments);
  }
  std::string usage() const { return usage_of(arguments); }

  const CommandEntry& entry;
  std::unique_ptr<Command> command;
  Arguments arguments;
};

// "-j,--jobs N".
std::string spelling(const Argument& argument) {
  if (argument.is_positional()) return argument.value_name;
  const std::string names = join(argument.names, ",");
  return argument.is_flag() ? names : names + " " + argument.value_name;
}

// What follows the help of an argument: its values and its default.
std::string remarks(const Argument& argument) {
  std::string out;
  if (!argument.choices.empty()) out += " {" + join(argument.choices, ", ") + "}";
  if (!argument.default_text.empty()) out += fmt::format(" (default: {})", argument.default_text);
  return out;
}

// Breaks a text into lines of so many columns.
Words wrapped(const std::string& text, size_t columns) {
  Words out = {""};
  for (const auto& word : split(text, ' ')) {
    const bool fits = display_width(out.back()) + 1 + display_width(word) <= columns;
    if (!out.back().empty() && !fits) out.emplace_back();
    out.back() += (out.back().empty() ? "" : " ") + word;
  }
  return out;
}

// "  NAME   text" with the text in a column of its own.
std::string entry_lines(const std::string& name, const std::string& text, size_t indent) {
  constexpr size_t kColumns = 80;
  std::string out = "  " + name;
  bool is_first = name.size() + 4 <= indent;
  if (!is_first) out += "\n";
  for (const auto& line : wrapped(text, kColumns - indent)) {
    const size_t used = is_first ? name.size() + 2 : 0;
    out += std::string(indent - used, ' ') + line + "\n";
    is_first = false;
  }
  return out;
}

std::string cell(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, "\\");
  return text;
}

}  // namespace

std::string help_text() {
  constexpr size_t kIndent = 15;
  std::string out =
      "xp runs declarative experiments on sparse mixture-of-experts translation models\n\n"
      "usage: xp COMMAND [OPTIONS] ...\n";
  const Group* last = nullptr;
  for (const auto* entry : commands()) {
    if (last == nullptr || *last != entry->group)
      out += fmt::format("\n{}\n", kGroupNames[static_cast<size_t>(entry->group)]);
    last = &entry->group;
    out += entry_lines(entry->name, entry->summary, kIndent);
  }
  return out +
         "\n`xp COMMAND --help` lists the options of a command; `xp --version` names this build\n"
         "next: xp run experiments/quickstart.toml\n";
}

std::string help_text(const CommandEntry& entry) {
  constexpr size_t kIndent = 24;
  const Declared declared(entry);
  std::string out = fmt::format("{}\n\nusage: {}\n\n", entry.summary, declared.usage());
  for (const bool positional : {true, false}) {
    for (const auto& argument : declared.arguments.all()) {
      if (argument.is_positional() == positional && !argument.is_hidden)
        out += entry_lines(spelling(argument), argument.help + remarks(argument), kIndent);
    }
  }
  const std::string_view details = declared.command->details();
  return details.empty() ? out : fmt::format("{}\n{}\n", out, trim(details));
}

std::string help_markdown() {
  std::string out =
      "# Commands\n\n"
      "Written by `xp help --markdown` from what each command declares; a test fails if this file\n"
      "is stale.\n";
  const Group* last = nullptr;
  for (const auto* entry : commands()) {
    if (last == nullptr || *last != entry->group)
      out += fmt::format("\n## {}\n", kGroupNames[static_cast<size_t>(entry->group)]);
    last = &entry->group;
    const Declared declared(*entry);
    out += fmt::format("\n### xp {}\n\n{}\n\n    {}\n\n| argument | meaning |\n|---|---|\n",
                       entry->name, entry->summary, declared.usage());
    for (const auto& argument : declared.arguments.all()) {
      if (argument.is_hidden) continue;
      out += fmt::format("| `{}` | {} |\n", cell(spelling(argument)),
                         cell(argument.help + remarks(argument)));
    }
    if (const auto details = declared.command->details(); !details.empty()) {
      out += "\n";
      for (const auto& line : split(trim(details), '\n'))
        out += (line.empty() ? "" : "    " + line) + "\n";
    }
  }
  return out;
}

}  // namespace xp
