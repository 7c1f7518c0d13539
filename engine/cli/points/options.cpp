// Declarations with their completion.
#include "engine/cli/points/options.h"

#include "engine/base/environment.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/cli/points/candidates.h"
#include "results/runs/workspace.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {

void declare_json(Arguments& arguments, bool& json) {
  arguments.flag("--json", json, "print JSON instead of text");
}

void declare_run(Arguments& arguments, std::string& run, const WorkspaceOptions& options) {
  arguments
      .positional("RUN", &run,
                  "an id, its first 4 digits or more, last, or another selector of one run")
      .required()
      .completes([&options](const std::string&) { return run_candidates(options); });
}

void declare_two_runs(Arguments& arguments, Words& runs, const char* command,
                      const WorkspaceOptions& options) {
  arguments
      .positional("RUN", &runs,
                  "two runs, each an id, its first 4 digits or more, last, or another selector")
      .required()
      .at_most(2)
      .completes([&options](const std::string&) { return run_candidates(options); });
  arguments.after_parsing([&runs, command] {
    if (runs.size() != 2) usage_error("name two runs: xp {} RUN RUN", command);
  });
}

void declare_mirror(Arguments& arguments, std::filesystem::path& mirror) {
  arguments
      .option("--mirror", "FOLDER", &mirror,
              "searched for archives before they are downloaded; XP_MIRROR sets the default")
      .otherwise("")
      .completes(file_candidates);
}

void declare_notify(Arguments& arguments, std::string& command) {
  arguments.option("--notify", "COMMAND", &command,
                   "a shell command, run at the first failure and at the end with XP_EVENT, "
                   "XP_EXPERIMENT, XP_DONE, XP_FAILED and XP_MESSAGE set");
}

namespace {

constexpr const char* kDefaultWorkspace = "xp-workspace";

// The JSON of runs names their folders, also to xp-engine.
void check_workspace(const std::filesystem::path& workspace) {
  const std::string whole = std::filesystem::absolute(workspace).string();
  if (is_valid_utf8(whole)) return;
  usage_error("the path of the workspace '{}' is not UTF-8; name another folder with --workspace",
              whole);
}

}  // namespace

WorkspaceOptions::WorkspaceOptions() : workspace(environment_value(variable::kWorkspace)) {
  if (workspace.empty()) workspace = kDefaultWorkspace;
}

void WorkspaceOptions::declare(Arguments& arguments) {
  arguments
      .option("--workspace", "FOLDER", &workspace,
              "the folder of all runs and results; XP_WORKSPACE sets the default")
      .otherwise(kDefaultWorkspace)
      .completes(file_candidates);
  arguments.after_parsing([this, before = workspace] {
    names_workspace = workspace != before;
    check_workspace(workspace);
  });
}

void mention_other_workspace(const WorkspaceOptions& options) {
  namespace fs = std::filesystem;
  std::error_code none;
  const auto has_runs = [&](const fs::path& folder) {
    return fs::exists(Workspace{folder}.runs(RunKind::kTraining), none);
  };
  if (options.names_workspace || options.workspace.has_parent_path() || has_runs(options.workspace))
    return;
  std::vector<fs::path> near = {"..", "../..", "../../.."};
  for (const auto& entry : fs::directory_iterator(".", none)) {
    if (entry.is_directory(none)) near.push_back(entry.path().filename());
  }
  for (const auto& folder : near) {
    const fs::path other = folder / options.workspace;
    if (!has_runs(other)) continue;
    fmt::print(stderr, "workspace '{}' is new; '{}' has runs: --workspace {} uses it\n",
               options.workspace.string(), other.string(), shell_word(other.string()));
    return;
  }
}

namespace {

// Pipes can be read once; an experiment is read again when it is recorded.
void check_file(const std::string& spec) {
  std::error_code none;
  const auto status = std::filesystem::status(spec, none);
  if (std::filesystem::exists(status) && std::filesystem::is_other(status))
    usage_error("'{}' is not a regular file; save the experiment to a file", spec);
}

}  // namespace

ExperimentOptions::ExperimentOptions() : mirror(environment_value(variable::kMirror)) {}

void ExperimentOptions::declare_settings(Arguments& arguments) {
  arguments
      .option("--set", "PATH=VALUE", &sets,
              "overrides a setting of the file; a unique tail of the path will do; repeatable")
      .completes([this](const std::string& prefix) { return setting_candidates(*this, prefix); });
  WorkspaceOptions::declare(arguments);
  declare_mirror(arguments, mirror);
  declare_json(arguments, json);
}

void ExperimentOptions::declare(Arguments& arguments) {
  arguments.positional("FILE", &spec, "the experiment file").required().completes(file_candidates);
  arguments.after_parsing([this] { check_file(spec); });
  declare_settings(arguments);
}

void PointOptions::declare(Arguments& arguments) {
  arguments
      .positional("WORD", &names,
                  "an experiment file (else the whole workspace), then selectors, which narrow "
                  "each other: a row of the last table (3, 4-7), the beginning of an id, last, "
                  "state:failed, class:memory, seed=1, gshard, '*pattern*', !seed=1")
      .at_most(10000)
      .completes([this](const std::string& prefix) { return selector_candidates(*this, prefix); });
  declare_settings(arguments);
  arguments.after_parsing([this] {
    if (names.empty() || !names.front().ends_with(".toml")) return;
    spec = names.front();
    names.erase(names.begin());
    check_file(spec);
  });
}

}  // namespace xp
