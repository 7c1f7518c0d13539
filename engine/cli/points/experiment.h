// What most commands start with: the catalog of this build, the spec, its plan.
#pragma once

#include "engine/cli/points/options.h"
#include "engine/experiment/plugins.h"
#include "engine/plan/plan.h"
#include "engine/run/corpora.h"

#include <optional>
#include <string>

namespace xp {

/// The components of this build and of the plug-ins that XP_PLUGINS names. Raises kUser with all
/// that is wrong with those.
Catalog build_catalog();

/// An experiment whose points are known. The catalog lives as long as the spec that points into it.
struct Experiment {
  std::unique_ptr<Catalog> catalog;
  std::vector<Plugin> plugins;  ///< of XP_PLUGINS and [plugins]; those of `xp` are loaded
  Spec spec;
  Plan plan;
  std::unique_ptr<const Corpora> corpora;  ///< of the workspace

  /// What planning asks of each [corpus]; may be asked as long as `corpora` lives.
  CorpusFigures corpus_figures() const {
    return [from = corpora.get()](const Value& corpus) { return from->figures(corpus); };
  }
};

/// Loads and plans. Prints all problems (as JSON with --json) and returns nothing if there are any:
/// the exit code is then Exit::kSpec.
std::optional<Experiment> load_experiment(const ExperimentOptions& options);

/// `load_experiment` with ids, without states.
std::optional<Experiment> identify_experiment(const ExperimentOptions& options);

/// `load_experiment` with ids and states.
std::optional<Experiment> open_experiment(const ExperimentOptions& options);

/// `open_experiment` for a command that records the plan: it is a problem if another file has an
/// experiment of this name in the workspace, because that one's plan would be lost.
std::optional<Experiment> open_to_record(const ExperimentOptions& options);

/// `open_to_record` for a command that starts runs. If all points are done and the plan need not be
/// recorded (`writes_plan` is false), nothing will start, so points are not assessed.
std::optional<Experiment> open_to_run(const ExperimentOptions& options, bool writes_plan);

/// `open_experiment` for a command that only checks: it is a problem if this machine lacks a device
/// or cannot compute a metric, as it is for `open_to_run`.
std::optional<Experiment> open_to_check(const ExperimentOptions& options);

/// The same options with the file and --set of the last run of an experiment; nothing if that file
/// no longer exists or was not recorded.
std::optional<ExperimentOptions> recorded_options(const ExperimentOptions& options,
                                                  const std::string& experiment);

/// " --workspace DIR" if this command was given one, for hints what to type next.
std::string workspace_words(const WorkspaceOptions& options);

/// What a command about this experiment is typed with: the file, --set and --workspace, quoted.
std::string experiment_words(const ExperimentOptions& options);

/// The command line that runs `command` on the same file, settings and workspace.
std::string next_command(const ExperimentOptions& options, const std::string& command);

}  // namespace xp
