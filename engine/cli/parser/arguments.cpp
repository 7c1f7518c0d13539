// CLI11 splits a command line into options and words; values are checked and stored here, so that
// their messages are ours.
#include "engine/cli/parser/arguments.h"

#include "engine/base/text.h"
#include "engine/cli/parser/exit_code.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>

namespace xp {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

// "a whole number from 0", "a number from 0.1 to 3600".
std::string number_kind(const Argument& argument, bool is_whole) {
  std::string out = is_whole ? "a whole number" : "a number";
  if (std::isfinite(argument.low)) out += fmt::format(" from {}", argument.low);
  if (std::isfinite(argument.high)) out += fmt::format(" to {}", argument.high);
  return out;
}

template <class Number>
Number number_from(const Argument& argument, const std::string& word) {
  constexpr bool kIsWhole = std::is_integral_v<Number>;
  Number out{};
  const bool is_number = CLI::detail::lexical_cast(word, out);
  const auto value = static_cast<double>(out);
  if (!is_number || !(value >= argument.low && value <= argument.high)) {
    usage_error("{} takes {}, not '{}'", argument.title(), number_kind(argument, kIsWhole), word);
  }
  return out;
}

std::string default_of(const Argument::Target& target) {
  return std::visit(Overloaded{[](const std::string* text) { return *text; },
                               [](const std::filesystem::path* path) { return path->string(); },
                               [](const int64_t* number) { return std::to_string(*number); },
                               [](const double* number) { return fmt::format("{}", *number); },
                               [](const auto*) { return std::string(); }},
                    target);
}

// Positional words are a list; those of an option are one if it may have more than one at a time.
bool takes_several(const Argument& argument) {
  return argument.is_list() && (argument.is_positional() || argument.max_words > 1);
}

using Found = std::map<const Argument*, CLI::Option*>;

// The same grammar for CLI11: every value is a text.
Found grammar_of(const Arguments& arguments, CLI::App& app) {
  app.set_help_flag();
  app.allow_extras();
  Found out;
  for (const auto& argument : arguments.all()) {
    const std::string names =
        argument.is_positional() ? argument.value_name : join(argument.names, ",");
    CLI::Option* option = argument.is_flag() ? app.add_flag(names) : app.add_option(names);
    out[&argument] = option;
    if (argument.is_flag()) continue;
    option->type_size(1)->allow_extra_args(takes_several(argument));
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  return out;
}

void store_all(const Argument& argument, const CLI::Option& option) {
  if (argument.is_flag()) {
    *std::get<bool*>(argument.target) = option.count() > 0 && option.results().back() != "false";
    return;
  }
  for (const auto& word : option.results())
    argument.store(word);
}

const Argument* option_named(const Arguments& arguments, const std::string& name) {
  for (const auto& argument : arguments.all()) {
    const auto& names = argument.names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &argument;
  }
  return nullptr;
}

// What CLI11 could not place: an option that is not there, or one word too many.
[[noreturn]] void refuse_extra(const Arguments& arguments, const std::string& word) {
  if (!word.starts_with('-')) {
    const bool selects = option_named(arguments, "--only") != nullptr;
    usage_error("'{}' is one word too many; {}usage: {}", word,
                selects ? "points are picked by --only; " : "", usage_of(arguments));
  }
  Words known;
  for (const auto& argument : arguments.all()) {
    if (!argument.is_positional() && !argument.is_hidden) known.push_back(argument.title());
  }
  usage_error("{}", unknown_name("option", word.substr(0, word.find('=')), known));
}

// Stores what can be stored; how many words no option took.
size_t store_begun(const Arguments& arguments, Words words) {
  CLI::App app;
  const Found found = grammar_of(arguments, app);
  std::reverse(words.begin(), words.end());
  size_t positional = 0;
  try {
    app.parse(words);
    for (const auto& [argument, option] : found) {
      if (argument->is_positional()) positional += option->count();
      store_all(*argument, *option);
    }
    for (const auto& check : arguments.checks())
      check();
  } catch (const std::exception&) {
    // A mistake in another word does not end completion.
  }
  return positional;
}

const Argument* positional_at(const Arguments& arguments, size_t place) {
  for (const auto& argument : arguments.all()) {
    if (!argument.is_positional()) continue;
    if (place < argument.max_words) return &argument;
    place -= argument.max_words;
  }
  return nullptr;
}

Words values_of(const Argument* argument, const std::string& prefix) {
  if (argument == nullptr) return {};
  if (!argument->choices.empty()) return argument->choices;
  return argument->candidates ? argument->candidates(prefix) : Words();
}

}  // namespace

void Argument::store(const std::string& word) const {
  if (!choices.empty() && std::find(choices.begin(), choices.end(), word) == choices.end())
    usage_error("{}", unknown_name("value of " + title(), word, choices));
  std::visit(Overloaded{[](bool* flag) { *flag = true; }, [&](std::string* text) { *text = word; },
                        [&](std::filesystem::path* path) {
                          if (word.empty())
                            usage_error("{} is empty; name a file or folder", title());
                          *path = word;
                        },
                        [&](int64_t* number) { *number = number_from<int64_t>(*this, word); },
                        [&](std::optional<int64_t>* number) {
                          *number = number_from<int64_t>(*this, word);
                        },
                        [&](double* number) { *number = number_from<double>(*this, word); },
                        [&](Words* list) { list->push_back(word); }},
             target);
}

Argument& Arguments::add(Argument argument) {
  argument.default_text = default_of(argument.target);
  return all_.emplace_back(std::move(argument));
}

Argument& Arguments::flag(const std::string& names, bool& target, std::string help) {
  return option(names, "", &target, std::move(help));
}

Argument& Arguments::option(const std::string& names, std::string value_name,
                            Argument::Target target, std::string help) {
  Argument out;
  if (!names.empty()) out.names = split(names, ',');
  out.value_name = std::move(value_name);
  out.target = target;
  out.help = std::move(help);
  return add(std::move(out));
}

Argument& Arguments::positional(std::string name, Argument::Target target, std::string help) {
  return option("", std::move(name), target, std::move(help));
}

void Arguments::flag_verbose() {
  flag("-v,--verbose", is_verbose_, "log each stage of the work with its time on standard error");
}

std::string usage_of(const Arguments& arguments) {
  const Words& typed = arguments.command_line();
  std::string out = typed.size() > 1 ? "xp " + typed[1] + " [OPTIONS]" : "xp [OPTIONS]";
  for (const auto& argument : arguments.all()) {
    if (!argument.is_positional()) continue;
    const bool is_many = argument.max_words > 1;
    const std::string name = argument.value_name + (is_many ? "..." : "");
    out += argument.is_required ? " " + name : " [" + name + "]";
  }
  return out;
}

void parse(const Arguments& arguments, const Words& words) {
  CLI::App app;
  const Found found = grammar_of(arguments, app);
  Words reversed(words.rbegin(), words.rend());  // as CLI11 takes them
  try {
    app.parse(reversed);
  } catch (const CLI::ArgumentMismatch&) {
    const Argument* option = words.empty() ? nullptr : option_named(arguments, words.back());
    if (option == nullptr) throw;
    usage_error("{} needs a value: {} {}", words.back(), words.back(), option->value_name);
  }
  const Words extra = app.remaining();
  const auto& all = arguments.all();
  const auto taker = std::find_if(all.begin(), all.end(), [&](const Argument& argument) {
    return argument.takes_dashes && found.at(&argument)->count() == 0;
  });
  if (extra.size() == 1 && taker != all.end())
    taker->store(extra.front());
  else if (!extra.empty())
    refuse_extra(arguments, extra.front());
  for (const auto& argument : arguments.all()) {
    const CLI::Option& option = *found.at(&argument);
    if (argument.is_required && option.count() == 0)
      usage_error("{} is missing; usage: {}", argument.title(), usage_of(arguments));
    if (takes_several(argument) && option.count() > argument.max_words)
      refuse_extra(arguments, option.results().back());
    store_all(argument, option);
  }
  for (const auto& check : arguments.checks())
    check();
}

Words complete(const Arguments& arguments, const Words& words) {
  const std::string& prefix = words.back();
  Words before(words.begin(), words.end() - 1);
  const Argument* option = before.empty() ? nullptr : option_named(arguments, before.back());
  if (option != nullptr && !option->is_flag()) {
    before.pop_back();
    store_begun(arguments, before);
    return values_of(option, prefix);
  }
  const size_t place = store_begun(arguments, before);
  if (!prefix.starts_with('-')) return values_of(positional_at(arguments, place), prefix);
  if (const size_t equals = prefix.find('='); equals != std::string::npos) {
    Words out =
        values_of(option_named(arguments, prefix.substr(0, equals)), prefix.substr(equals + 1));
    for (auto& word : out)
      word.insert(0, prefix.substr(0, equals + 1));
    return out;
  }
  Words out;
  for (const auto& argument : arguments.all()) {
    if (argument.is_positional() || argument.is_hidden) continue;
    for (const auto& name : argument.names) {
      if (name.starts_with("--")) out.push_back(name);
    }
  }
  return out;
}

}  // namespace xp
