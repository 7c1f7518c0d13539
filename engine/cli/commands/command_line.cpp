// One table of commands; the parser is made from it.
#include "engine/cli/commands/command_line.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/commands/completions.h"
#include "engine/cli/commands/inner.h"
#include "engine/cli/points/selection.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <system_error>
#include <xp_version.h>

namespace xp {
namespace {

constexpr std::string_view kComplete = "complete";

enum class Takes {
  kSpec,
  kPoints,
  kAction,
  kWorkspace,
  kComponent,
  kRuns,
  kShell,
  kFile,
  kNothing
};

struct Command {
  const char* name;
  const char* sentence;
  int (*run)(const Options&);
  Takes takes;
};

constexpr Command kCommands[] = {
    {"run", "do what is not done yet, then print the report", run_command, Takes::kSpec},
    {"plan", "every point with its state and ids", plan_command, Takes::kSpec},
    {"check", "find every mistake in an experiment file", check_command, Takes::kSpec},
    {"status", "how far each point has come, and what it waits for or failed of", status_command,
     Takes::kPoints},
    {"watch", "the same as it goes on: redrawn, or a line per change", watch_command,
     Takes::kPoints},
    {"logs", "what the ranks of a run wrote; -f as they write it", logs_command, Takes::kPoints},
    {"why", "why a run failed, stopped or waits, and what to do", why_command, Takes::kPoints},
    {"retry", "try again what failed or was cancelled", retry_command, Takes::kPoints},
    {"cancel", "end runs, or keep them from beginning; they can be taken up again", cancel_command,
     Takes::kPoints},
    {"report", "compare what was measured", report_command, Takes::kSpec},
    {"data", "prepare the corpora, or look at, check and export them", data_command,
     Takes::kAction},
    {"sql", "ask the store, read-only", sql_command, Takes::kWorkspace},
    {"export", "a table of the store as CSV or JSON", export_command, Takes::kWorkspace},
    {"sync", "take in run folders copied from another machine", sync_command, Takes::kWorkspace},
    {"gc", "free checkpoints that nothing needs", gc_command, Takes::kWorkspace},
    {"db", "check, rebuild or vacuum the store", db_command, Takes::kWorkspace},
    {"prune", "forget what left the sweep, cancel it if it runs", prune_command, Takes::kSpec},
    {"show", "every setting of a run and where it came from", show_command, Takes::kRuns},
    {"diff", "what differs between two runs", diff_command, Takes::kRuns},
    {"init", "a commented experiment to start from", init_command, Takes::kFile},
    {"doctor", "what this machine has of what runs need", doctor_command, Takes::kNothing},
    {"schema", "the experiment file as JSON Schema, for editors", schema_command, Takes::kNothing},
    {"completions", "a script that completes commands in a shell", completions_command,
     Takes::kShell},
    {"components", "what can be used in an experiment", components_command, Takes::kComponent},
};

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

void add_report_options(CLI::App& app, Options& options) {
  ReportWords& words = options.report;
  app.add_option("--format", options.format, "how it is printed: a component of kind `renderer`");
  app.add_option("--rows", words.rows, "settings that make the rows, by comma");
  app.add_option("--columns", words.columns, "metrics shown, by comma");
  app.add_option("--where", words.where, "expression: rows to show");
  app.add_option("--baseline", words.baseline, "expression: the row others are compared to");
  app.add_option("--pivot", words.pivot, "an axis whose values become columns");
  app.add_option("--sort", words.sort, "a column; - before it sorts downwards");
  app.add_option("--pool", words.pool, "layout: pool trainings that differ in nodes x ranks");
  app.add_option("--at", words.at,
                 "compare at an equal budget: updates, tokens, hours, total_inter_node_bytes or "
                 "device_hours=VALUE");
  app.add_option("--pareto", words.pareto,
                 "which rows no other beats both in quality and in this cost, such as step_ms");
  app.add_flag("--write", words.write, "keep the report in the files that [report] names");
  app.add_flag("--check", words.check, "fail where a number in those files no longer holds");
  app.add_flag("--effects", words.effects, "mean effect of each setting, and interactions");
}

void add_store_options(CLI::App& app, std::string_view name, Options& options) {
  if (name == "sql") {
    app.add_option("STATEMENT", options.sql, "SELECT ... FROM runs_wide, say")->required();
    app.add_option("--format", options.format, "table, csv or json");
  } else if (name == "export") {
    app.add_option("--table", options.table, "a table or view (runs_wide)");
    app.add_option("--format", options.format, "csv, json or table");
  } else if (name == "sync") {
    app.add_option("FOLDER", options.folder, "a workspace, or a copy of one")->required();
    app.add_flag("--checkpoints", options.checkpoints, "take checkpoints along");
  } else if (name == "gc") {
    app.add_flag("--yes", options.yes, "remove what is listed");
  } else {
    app.add_option("ACTION", options.action, "check, rebuild or vacuum")->required();
  }
}

void add_notify(CLI::App& app, Options& options) {
  app.add_option("--notify", options.notify,
                 "run by the shell at the first failure and at the end, with XP_EVENT, "
                 "XP_EXPERIMENT, XP_DONE, XP_FAILED and XP_MESSAGE");
}

// Of the commands that do work.
void add_driver_options(CLI::App& app, Options& options) {
  app.add_option("-j,--jobs", options.jobs,
                 "runs at a time on this machine; 0: as many as there are processors and "
                 "accelerators for")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--detach", options.detach, "return at once; any later xp shows what happened");
  add_notify(app, options);
}

// Of the commands about runs.
void add_point_options(CLI::App& app, std::string_view name, Options& options) {
  app.add_option("WORDS", options.names,
                 "[FILE] [SELECTOR...]: the experiment file, else all of the workspace; which "
                 "runs: 3 (row of the last table), an id's beginning, last, state:failed, "
                 "class:memory, seed=1, !seed=1, '*pattern*'")
      ->expected(0, -1);
  if (name == "logs") {
    app.add_flag("-f,--follow", options.follow, "go on until the run ends, across its attempts");
    app.add_option("-n,--lines", options.lines, "how many of the last lines (50)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--rank", options.rank, "of this rank; else the one that failed first, else 0")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--attempt", options.attempt, "of this attempt; else the last")
        ->check(CLI::PositiveNumber);
    app.add_flag("--job", options.job, "of the scheduler's job instead of a rank");
  } else if (name == "watch") {
    app.add_option("--interval", options.interval_s, "seconds between two looks (2)")
        ->check(CLI::Range(0.1, 3600.0));
  } else if (name == "cancel" || name == "retry") {
    app.add_flag("--dry-run", options.dry_run, "only say what would be done");
    app.add_flag("--yes", options.yes, "do not ask");
  }
  if (name == "watch") add_notify(app, options);
  if (name == "retry") add_driver_options(app, options);
}

// The commands that are not about an experiment file; whether it is one.
bool add_word_options(CLI::App& app, const Command& command, Options& options) {
  const std::string_view name = command.name;
  const auto add_workspace = [&] {
    app.add_option("--workspace", options.workspace,
                   "where everything is kept (XP_WORKSPACE; xp-workspace)");
  };
  switch (command.takes) {
    case Takes::kRuns:
      app.add_option("RUN", options.names, "ids, or their first 4 digits or more")
          ->required()
          ->expected(name == "diff" ? 2 : 1);
      add_workspace();
      return true;
    case Takes::kShell:
      app.add_option("SHELL", options.names, "bash, zsh or fish")->required()->expected(1);
      return true;
    case Takes::kFile:
      app.add_option("FILE", options.names, "the file to write; without it, standard output")
          ->expected(0, 1);
      return true;
    case Takes::kNothing:
      if (name != "doctor") return true;
      app.add_option("--mirror", options.mirror, "looked in before a download (XP_MIRROR)");
      add_workspace();
      return true;
    default:
      return false;
  }
}

void add_options(CLI::App& app, const Command& command, Options& options) {
  app.add_flag("--json", options.json, "print data instead of text");
  if (add_word_options(app, command, options)) return;
  if (command.takes == Takes::kComponent) {
    app.add_option("NAME", options.component, "a component, or a kind");
    return;
  }
  app.add_option("--workspace", options.workspace,
                 "where everything is kept (XP_WORKSPACE; xp-workspace)");
  if (command.takes == Takes::kWorkspace) {
    add_store_options(app, command.name, options);
    return;
  }
  if (command.takes == Takes::kAction) {
    app.add_option("ACTION", options.action, "prepare, stats, show, export, verify or update")
        ->required();
    app.add_option("--format", options.format, "of export: fairseq-bin");
    app.add_option("--output", options.output, "of export: a new folder");
  }
  if (command.takes == Takes::kPoints) {
    add_point_options(app, command.name, options);
  } else {
    app.add_option("FILE", options.spec, "the experiment file")->required();
  }
  app.add_option("--set", options.sets, "PATH=VALUE, as if written in the file; PATH may be a tail")
      ->type_size(1)
      ->allow_extra_args(false);
  app.add_option("--mirror", options.mirror, "looked in before a download (XP_MIRROR)");
  const std::string_view name = command.name;
  if (name == "plan") {
    app.add_flag("--exit-code", options.exit_code, "exit with 7 where there is work to do");
    app.add_flag("--diff", options.diff, "what changed since the last run of the experiment");
  }
  if (name == "run") {
    app.add_flag("--prune", options.prune, "first forget and cancel what left the sweep");
    app.add_option(
           "--other-builds", options.other_builds,
           "points that another build of xp-engine computed: keep them, warn (the default), "
           "or refuse to start")
        ->check(CLI::IsMember({"keep", "warn", "refuse"}));
    app.add_option("--only", options.only, "a selector: do only what it picks; several narrow it")
        ->type_size(1)
        ->allow_extra_args(false);
    add_driver_options(app, options);
  }
  if (name == "report") add_report_options(app, options);
}

CommandWords::Takes completed_as(Takes takes) {
  switch (takes) {
    case Takes::kPoints:
      return CommandWords::Takes::kPoints;
    case Takes::kSpec:
    case Takes::kFile:
      return CommandWords::Takes::kFile;
    case Takes::kComponent:
      return CommandWords::Takes::kComponent;
    case Takes::kRuns:
      return CommandWords::Takes::kRun;
    case Takes::kShell:
      return CommandWords::Takes::kShell;
    default:
      return CommandWords::Takes::kNothing;
  }
}

// `xp complete -- WORDS`, for the scripts of `xp completions`: one candidate a line.
int complete(const CLI::App& app, const Options& options) {
  std::map<std::string, CommandWords> commands;
  for (const auto& command : kCommands) {
    CommandWords& words = commands[command.name];
    words.takes = completed_as(command.takes);
    for (const CLI::Option* option : app.get_subcommand(command.name)->get_options()) {
      for (const auto& name : option->get_lnames())
        words.options.push_back("--" + name);
    }
  }
  const auto begin = std::find(options.words.begin(), options.words.end(), "--");
  if (begin == options.words.end()) return Exit::kUsage;
  for (const auto& candidate : completed({begin + 1, options.words.end()}, commands, options))
    fmt::print("{}\n", candidate);
  return Exit::kDone;
}

// The first of the words that a command takes is its experiment file where it looks like one.
void take_file(Options& options) {
  auto& words = options.names;
  if (words.empty() || !words.front().ends_with(".toml")) return;
  options.spec = words.front();
  words.erase(words.begin());
}

// CLI11 would only say that the word was not expected.
bool is_unknown_command(int count, char** words) {
  if (count < 2 || words[1][0] == '-' || std::string_view(words[1]) == kComplete) return false;
  std::vector<std::string> names;
  for (const auto& command : kCommands) {
    if (std::string_view(command.name) == words[1]) return false;
    names.emplace_back(command.name);
  }
  fmt::print(stderr, "{}\n", unknown_name("command", words[1], names));
  return true;
}

int unwritten(int reason) {
  fmt::print(stderr, "standard output cannot be written: {}\n", std::strerror(reason));
  return Exit::kMachine;
}

int guarded(const Command& command, const Options& options) {
  try {
    const int code = command.run(options);
    // What is short leaves the process only here.
    return std::fflush(stdout) == 0 ? code : unwritten(errno);
  } catch (const Error& error) {
    fmt::print(stderr, "{}{}\n", error.blame() == Blame::kBug ? "this is a bug in xp: " : "",
               error.what());
    return error.code() == kUsageError ? Exit::kUsage : exit_code(error);
  } catch (const std::filesystem::filesystem_error& error) {
    fmt::print(stderr, "'{}': {}\n", error.path1().string(), error.code().message());
    return Exit::kMachine;
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) != 0) return unwritten(error.code().value());
    fmt::print(stderr, "this is a bug in xp: {}\n", error.what());
    return Exit::kMachine;
  } catch (const std::exception& error) {
    fmt::print(stderr, "this is a bug in xp: {}\n", error.what());
    return Exit::kMachine;
  }
}

}  // namespace

int run_command_line(int count, char** words) {
  if (const auto code = inner_command(count, words)) return *code;
  if (is_unknown_command(count, words)) return Exit::kUsage;
  CLI::App app("xp: declarative experiments on sparse mixture-of-experts translation models", "xp");
  app.set_version_flag("--version", fmt::format("xp {} ({})", XP_VERSION, XP_REVISION));
  app.footer("next: xp run experiments/quickstart.toml");
  Options options;
  options.words.assign(words, words + count);
  const std::filesystem::path default_workspace = environment("XP_WORKSPACE", "xp-workspace");
  options.workspace = default_workspace;
  options.mirror = environment("XP_MIRROR", "");
  options.engine = environment("XP_ENGINE", "");
  for (auto& file : split(environment("XP_PLUGINS", ""), ':')) {
    if (!file.empty()) options.plugins.push_back(std::move(file));
  }
  for (const auto& command : kCommands)
    add_options(*app.add_subcommand(command.name, command.sentence), command, options);
  if (count > 1 && words[1] == kComplete) return complete(app, options);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? Exit::kDone : Exit::kUsage;
  }
  for (const auto& command : kCommands) {
    if (!app.got_subcommand(command.name)) continue;
    options.command = command.name;
    if (command.takes == Takes::kPoints) take_file(options);
    options.names_workspace = options.workspace != default_workspace;
    return guarded(command, options);
  }
  fmt::print("{}", app.help());
  return Exit::kDone;
}

}  // namespace xp
