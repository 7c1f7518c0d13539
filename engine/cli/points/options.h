// Options that several commands share, each declared once.
#pragma once

#include "engine/cli/parser/arguments.h"

namespace xp {

void declare_json(Arguments& arguments, bool& json);
void declare_mirror(Arguments& arguments, std::filesystem::path& mirror);
void declare_notify(Arguments& arguments, std::string& command);

/// Which workspace.
struct WorkspaceOptions {
  WorkspaceOptions();  ///< from the environment, else "xp-workspace"
  void declare(Arguments& arguments);

  std::filesystem::path workspace;
  bool names_workspace = false;  ///< by --workspace, so that hints what to type next repeat it
};

/// Says on standard error if the default workspace has no runs but a folder nearby has: above the
/// current folder (3 levels), or in one of its folders.
void mention_other_workspace(const WorkspaceOptions& options);

/// RUN: one run by a selector, as named_folder takes it. `options` must outlive `arguments`.
void declare_run(Arguments& arguments, std::string& run, const WorkspaceOptions& options);
/// RUN RUN: two of those, for `command`, which a usage error names. `runs` must outlive
/// `arguments`, too.
void declare_two_runs(Arguments& arguments, Words& runs, const char* command,
                      const WorkspaceOptions& options);

/// Which experiment, and how it differs from its file.
struct ExperimentOptions : WorkspaceOptions {
  ExperimentOptions();  ///< the mirror from the environment
  /// FILE and all options.
  void declare(Arguments& arguments);
  /// All but FILE.
  void declare_settings(Arguments& arguments);

  std::string spec;               ///< the experiment file
  std::vector<std::string> sets;  ///< --set PATH=VALUE
  std::filesystem::path mirror;   ///< searched before anything is downloaded; empty = none
  bool json = false;
  bool is_quiet = false;  ///< problems of the file are not printed, as a screen is being drawn
};

/// Which points: [FILE] [SELECTOR...]. Without a file all that the workspace knows.
struct PointOptions : ExperimentOptions {
  void declare(Arguments& arguments);

  std::vector<std::string> names;  ///< selectors
};

}  // namespace xp
