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

/// `open_experiment` for a command that starts runs: where all points are done, and the plan is not
/// to be written (--prune), they are not assessed, since nothing is to start.
std::optional<Experiment> open_to_run(const Options& options);

/// Writes the experiment's folder: the spec as given, the plan with its outlook and where each
/// setting was written.
void record(const Options& options, const Experiment& experiment);

/// The same options with the file and --set of the last run of an experiment; nothing where that
/// file is gone, or was not recorded.
std::optional<Options> recorded_options(const Options& options, const std::string& experiment);

/// Cancels, in the workspace, runs of the last plan that the experiment has no more and no other
/// experiment has; how many. Finished runs stay. The plan itself is forgotten by `record`.
size_t cancel_removed(const Options& options, const Experiment& experiment);

/// " --workspace DIR" where this command had it.
std::string workspace_words(const Options& options);

/// Which words to type to run `command` on the same file and workspace.
std::string next_command(const Options& options, const std::string& command);

}  // namespace xp
