// A command of `xp`: one file in engine/cli/commands, which registers it. Adding that file is all
// that a new command takes:
//
//   struct Options {
//     bool loudly = false;
//     void declare(Arguments& arguments) {
//       arguments.flag("--loudly", loudly, "use capital letters");
//     }
//   };
//   int greet(const Options& options) { ... return Exit::kDone; }
//   XP_COMMAND(Options, greet, "hello", Group::kMachine, "greet the user");
#pragma once

#include "engine/cli/parser/arguments.h"
#include "engine/cli/parser/exit_code.h"

#include <memory>
#include <string_view>

namespace xp {

/// The headings of `xp --help`, in their order. Hidden commands are started by programs.
enum class Group { kExperiments, kRuns, kResults, kData, kMachine, kHidden };
inline constexpr std::string_view kGroupNames[] = {
    "experiments", "runs", "results", "data", "this program and machine", "hidden"};

/// One use of a command: its options and its work. Results go to standard output, progress and
/// messages to standard error.
class Command {
 public:
  virtual ~Command() = default;
  virtual void declare(Arguments& arguments) = 0;
  /// The exit code. Raises Error.
  virtual int run() = 0;
  /// Examples and what does not fit into one line, for --help and docs/commands.md.
  virtual std::string_view details() const = 0;
};

/// Declares what the command takes, and what all commands take.
void declare(Command& command, Arguments& arguments);

/// `Options` declares its fields in `declare`; a text `kDetails` is optional.
template <class Options, int (*kRun)(const Options&)>
class CommandOf final : public Command {
 public:
  void declare(Arguments& arguments) override { options_.declare(arguments); }
  int run() override { return kRun(options_); }
  std::string_view details() const override {
    if constexpr (requires { Options::kDetails; })
      return Options::kDetails;
    else
      return "";
  }

 private:
  Options options_;
};

/// A static object that links itself into one list, as components do (registry/registry.h).
struct CommandEntry {
  using Make = std::unique_ptr<Command> (*)();
  /// `words_elsewhere`: by which other tools call what it does, with spaces between them.
  CommandEntry(const char* command_name, Group of_group, Make make_command, const char* one_line,
               const char* words_elsewhere = "");

  const char* name;
  Group group;
  Make make;
  const char* summary;
  const char* words;
  const CommandEntry* next;
};

/// All commands but hidden ones, by group and name.
std::vector<const CommandEntry*> commands();
/// Also hidden ones; null if there is none.
const CommandEntry* find_command(std::string_view name);
/// The one that other tools call `word`; null if there is none.
const CommandEntry* command_called(std::string_view word);
/// "no command named 'pln', did you mean 'plan'? ...", or the command that other tools call so.
std::string unknown_command(const std::string& name);

/// After the group: the summary and, if there are any, the words of other tools.
#define XP_COMMAND(Options, run, name, group, ...)                \
  static const ::xp::CommandEntry xp_command_##run(               \
      name, group,                                                \
      []() -> std::unique_ptr<::xp::Command> {                    \
        return std::make_unique<::xp::CommandOf<Options, run>>(); \
      },                                                          \
      __VA_ARGS__)

}  // namespace xp
