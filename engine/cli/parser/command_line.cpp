// Only the command that was typed declares its arguments, so that starting costs milliseconds.
#include "engine/cli/parser/command_line.h"

#include "engine/base/text.h"
#include "engine/cli/parser/help.h"
#include "engine/cli/parser/verbose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <xp_version.h>

namespace xp {
namespace {

int unwritten(int reason) {
  fmt::print(stderr, "standard output cannot be written: {}\n", std::strerror(reason));
  return Exit::kMachine;
}

int bug(const std::exception& error) {
  fmt::print(stderr, "this is a bug in xp: {}\n", error.what());
  return Exit::kMachine;
}

template <class Work>
int guarded(Work&& work) {
  try {
    const int code = work();
    // Short output leaves the process only here.
    return std::fflush(stdout) == 0 ? code : unwritten(errno);
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) return bug(error);
    fmt::print(stderr, "{}\n", error.what());
    return error.code() == kUsageError ? Exit::kUsage : exit_code(error);
  } catch (const std::filesystem::filesystem_error& error) {
    fmt::print(stderr, "'{}': {}\n", error.path1().string(), error.code().message());
    return Exit::kMachine;
  } catch (const std::system_error& error) {
    return std::ferror(stdout) != 0 ? unwritten(error.code().value()) : bug(error);
  } catch (const std::exception& error) {
    return bug(error);
  }
}

// Whether --help is among the words, and not the value of an option.
bool asks_for_help(const Words& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end,
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

int run_command(const CommandEntry& entry, const Words& command_line) {
  const Words words(command_line.begin() + 2, command_line.end());
  if (asks_for_help(words)) {
    fmt::print("{}", help_text(entry));
    return Exit::kDone;
  }
  const auto command = entry.make();
  Arguments arguments(command_line);
  declare(*command, arguments);
  parse(arguments, words);
  if (arguments.is_verbose()) enable_verbose();
  const Stage stage(fmt::format("xp {}", entry.name));
  return command->run();
}

// `xp complete -- WORDS`, for the scripts of `xp completions`: one candidate a line.
int print_candidates(const Words& words) {
  Words out;
  if (words.size() == 1) {
    out = {"--version", "--help"};
    for (const auto* entry : commands())
      out.emplace_back(entry->name);
  } else if (const auto* entry = words.empty() ? nullptr : find_command(words.front())) {
    const auto command = entry->make();
    Arguments arguments({"xp"});
    declare(*command, arguments);
    out = complete(arguments, {words.begin() + 1, words.end()});
    if (words.back().starts_with('-')) out.emplace_back("--help");
  }
  std::erase_if(out, [&](const std::string& word) { return !word.starts_with(words.back()); });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  for (const auto& word : out)
    fmt::print("{}\n", word);
  return Exit::kDone;
}

int run_words(Words words) {
  const bool is_verbose = words.size() > 2 && (words[1] == "--verbose" || words[1] == "-v");
  if (is_verbose) std::swap(words[1], words[2]);  // xp --verbose run: an option of the command
  const std::string name = words.size() > 1 ? words[1] : "--help";
  if (name == "--help" || name == "-h") {
    fmt::print("{}", help_text());
    return Exit::kDone;
  }
  if (name == "--version") {
    fmt::print("xp {} ({})\n", XP_VERSION, XP_REVISION);
    return Exit::kDone;
  }
  if (name == "complete") {
    const auto begin = std::find(words.begin(), words.end(), "--");
    if (begin == words.end()) usage_error("write xp complete -- WORDS");
    return print_candidates({begin + 1, words.end()});
  }
  const auto* entry = find_command(name);
  if (entry == nullptr) usage_error("{}", unknown_command(name));
  return run_command(*entry, words);
}

}  // namespace

int run_command_line(int count, char** words) {
  return guarded([&] { return run_words({words, words + count}); });
}

}  // namespace xp
