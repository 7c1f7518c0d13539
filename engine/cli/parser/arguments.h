// The options and positional arguments of a command, declared once: parsing, --help, completion and
// docs/commands.md are made from these declarations.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace xp {

using Words = std::vector<std::string>;

/// Proposes words for what is typed so far; those that do not start with it are dropped by the
/// caller. The words before it have been stored in the command's fields already.
using Candidates = std::function<Words(const std::string& prefix)>;

/// One option, flag or positional argument.
struct Argument {
  /// A bool is a flag. A list takes a value each time the option is given, or several words.
  using Target = std::variant<bool*, std::string*, std::filesystem::path*, int64_t*,
                              std::optional<int64_t>*, double*, Words*>;

  Words names;             ///< "-j", "--jobs"; a positional argument has none
  std::string value_name;  ///< "N", "FILE"; empty for a flag
  Target target;
  std::string help;  ///< one line: the effect, with its unit or trade-off
  std::string default_text;
  bool is_required = false;
  bool is_hidden = false;     ///< neither in help nor completed
  bool takes_dashes = false;  ///< positional: also a word that begins with '-' and is no option
  size_t max_words = 1;       ///< of a list, at one time
  Words choices;              ///< the only values, if any
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  Candidates candidates;

  bool is_flag() const { return std::holds_alternative<bool*>(target); }
  bool is_positional() const { return names.empty(); }
  bool is_list() const { return std::holds_alternative<Words*>(target); }
  /// "--jobs", or "FILE".
  const std::string& title() const { return names.empty() ? value_name : names.back(); }

  Argument& required() { return is_required = true, *this; }
  Argument& hidden() { return is_hidden = true, *this; }
  Argument& also_with_dashes() { return takes_dashes = true, *this; }
  Argument& at_most(size_t words) { return max_words = words, *this; }
  Argument& one_of(Words values) { return choices = std::move(values), *this; }
  Argument& from(double least) { return low = least, *this; }
  Argument& to(double most) { return high = most, *this; }
  Argument& completes(Candidates proposals) { return candidates = std::move(proposals), *this; }
  /// The default as --help shows it, if it is not the value of the target.
  Argument& otherwise(std::string text) { return default_text = std::move(text), *this; }

  /// Stores one value. Raises a usage error that names the argument if the value does not fit.
  void store(const std::string& word) const;
};

/// What one command takes. Targets must outlive it.
class Arguments {
 public:
  /// `command_line` is the whole of it: the program, the command, its words.
  explicit Arguments(Words command_line) : command_line_(std::move(command_line)) {}

  /// `names` by comma: "-j,--jobs".
  Argument& flag(const std::string& names, bool& target, std::string help);
  Argument& option(const std::string& names, std::string value_name, Argument::Target target,
                   std::string help);
  Argument& positional(std::string name, Argument::Target target, std::string help);
  /// Called when all words are stored. Raises usage errors about combinations.
  void after_parsing(std::function<void()> check) { checks_.push_back(std::move(check)); }

  const std::deque<Argument>& all() const { return all_; }
  const std::vector<std::function<void()>>& checks() const { return checks_; }
  const Words& command_line() const { return command_line_; }
  /// Declares --verbose, which every command has.
  void flag_verbose();
  bool is_verbose() const { return is_verbose_; }

 private:
  Argument& add(Argument argument);

  Words command_line_;
  bool is_verbose_ = false;
  std::deque<Argument> all_;  ///< references to its members stay valid
  std::vector<std::function<void()>> checks_;
};

/// "xp status [OPTIONS] [WORD...]".
std::string usage_of(const Arguments& arguments);

/// Stores `words`, those after the command's name. Raises a usage error for the first mistake.
void parse(const Arguments& arguments, const Words& words);

/// Proposes values for the last of `words`, which is a prefix or empty. Stores those before it if
/// they can be.
Words complete(const Arguments& arguments, const Words& words);

}  // namespace xp
