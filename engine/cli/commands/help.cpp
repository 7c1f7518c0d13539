// `xp help [TOPIC]`: a command, a setting, or what all commands share.
#include "engine/cli/parser/help.h"

#include "engine/base/text.h"
#include "engine/cli/commands/setting_help.h"
#include "engine/cli/parser/environment.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/selection.h"
#include "registry/measure.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

std::string exit_codes() {
  std::string out;
  for (const auto& [code, meaning] : kExitCodes)
    out += fmt::format("{:>5}  {}\n", code, meaning);
  return out + "128+N  ended by signal N\n";
}

std::string variables() {
  std::string out;
  for (const auto& variable : kVariables)
    out += fmt::format("{:<14}{}\n", variable.name, variable.meaning);
  return out;
}

/// A page that is about no single command.
struct Topic {
  const char *name, *summary;
  std::string (*text)();
};
constexpr Topic kTopics[] = {
    {"exit-codes", "what the exit code of xp means", exit_codes},
    {"selectors", "how runs are named on the command line", selector_help},
    {"environment", "variables that xp reads", variables},
    {"columns", "what a report can show, with units and meanings", columns_document},
};

Words topic_names() {
  Words out;
  for (const auto& topic : kTopics)
    out.emplace_back(topic.name);
  for (const auto* entry : commands())
    out.emplace_back(entry->name);
  return out;
}

struct Options {
  std::string topic;
  bool is_markdown = false;

  void declare(Arguments& arguments) {
    arguments
        .positional("TOPIC", &topic,
                    "a command, a setting of the experiment file (every, train.max_tokens), an "
                    "option of fairseq (--update-freq), selectors, exit-codes, environment or "
                    "columns")
        .also_with_dashes()
        .completes([](const std::string& prefix) {
          return prefix.find('.') == std::string::npos ? topic_names()
                                                       : setting_paths(build_catalog());
        });
    arguments.flag("--markdown", is_markdown, "print docs/commands.md").hidden();
  }
};

std::string all_topics() {
  std::string out = help_text() + "\nxp help TOPIC\n";
  for (const auto& topic : kTopics)
    out += fmt::format("  {:<13}{}\n", topic.name, topic.summary);
  out += fmt::format("  {:<13}{}\n", "KEY", "what a setting of the experiment file means");
  return out;
}

int help(const Options& options) {
  if (options.is_markdown || options.topic.empty()) {
    fmt::print("{}", options.is_markdown ? help_markdown() : all_topics());
    return Exit::kDone;
  }
  for (const auto& topic : kTopics) {
    if (options.topic != topic.name) continue;
    fmt::print("{}: {}\n\n{}", topic.name, topic.summary, topic.text());
    return Exit::kDone;
  }
  if (const auto* entry = find_command(options.topic)) {
    fmt::print("{}", help_text(*entry));
    return Exit::kDone;
  }
  const Catalog catalog = build_catalog();
  const std::string text = setting_help(catalog, options.topic);
  if (text.empty()) {
    Words known = topic_names();
    for (const auto& path : setting_paths(catalog))
      known.push_back(path.substr(path.rfind('.') + 1));
    const std::string near = nearest(options.topic, known);
    usage_error(
        "no topic, command or setting named '{}'{}; `xp help` lists topics, `xp components` "
        "what has settings",
        options.topic, near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
  }
  fmt::print("{}", text);
  return Exit::kDone;
}

XP_COMMAND(Options, help, "help", Group::kMachine, "explain a command, a setting, or a topic");

}  // namespace
}  // namespace xp
