// What most commands start with: the catalog of this build, the spec, its plan.
#pragma once

#include "engine/cli/terminal/options.h"
#include "engine/experiment/plugins.h"
#include "engine/plan/plan.h"

#include <optional>
#include <string>

namespace xp {

/// The components of this build and of the plug-ins that XP_PLUGINS names. Raises kUser with all
/// that is wrong with those.
Catalog build_catalog(const Options& options);

/// An experiment whose points are known. The catalog lives as long as the spec that points into it.
struct Experiment {
  std::unique_ptr<Catalog> catalog;
  std::vector<Plugin> plugins;  ///< of XP_PLUGINS and [plugins]; those of `xp` are loaded
  Spec spec;
  Plan plan;
};

/// Loads and plans; where something is wrong prints it (as JSON with --json) and comes back empty:
/// the exit code is then Exit::kSpec.
std::optional<Experiment> load_experiment(const Options& options);

/// `load_experiment` with ids, without states.
std::optional<Experiment> identify_experiment(const Options& options);

/// `load_experiment` with ids and states.
std::optional<Experiment> open_experiment(const Options& options);

/// `open_experiment` for a command that records the plan: it is a problem if another file has an
/// experiment of this name in the workspace, because that one's plan would be lost.
std::optional<Experiment> open_to_record(const Options& options);

/// `open_to_record` for a command that starts runs: if all points are done and the plan need not be
/// recorded, they are not assessed.
std::optional<Experiment> open_to_run(const Options& options);

/// The same options with the file and --set of the last run of an experiment; nothing if that file
/// no longer exists or was not recorded.
std::optional<Options> recorded_options(const Options& options, const std::string& experiment);

/// Cancels the runs of the last plan that neither this experiment nor any other of the workspace
/// has now, and returns how many. Finished runs stay. `record_plan` then forgets them.
size_t cancel_removed(const Options& options, const Experiment& experiment);

/// " --workspace DIR" where this command had it.
std::string workspace_words(const Options& options);

/// Which words to type to run `command` on the same file and workspace.
std::string next_command(const Options& options, const std::string& command);

}  // namespace xp
