// Completion of values that experiments, workspaces and components define.
#pragma once

#include "engine/cli/points/options.h"

namespace xp {

/// Folders, and files that may be experiments.
Words file_candidates(const std::string& prefix);
/// Ids of the workspace's runs.
Words run_candidates(const WorkspaceOptions& options);
/// Components and kinds of this build and of XP_PLUGINS.
Words component_candidates();
/// Names of the axes of the experiment file.
Words axis_candidates(const ExperimentOptions& options);
/// Metrics that finished runs of the workspace have.
Words metric_candidates(const WorkspaceOptions& options);
/// `words` for the last element of a comma-separated list that is being typed.
Words list_candidates(const std::string& prefix, Words words);
/// "PATH=", or "PATH=VALUE" for a setting with named values; also those of the plug-ins that the
/// experiment file loads.
Words setting_candidates(const ExperimentOptions& options, const std::string& prefix);
/// Selectors for the axes of the experiment file, else for those that the workspace knows; runs and
/// files.
Words selector_candidates(const ExperimentOptions& options, const std::string& prefix);

}  // namespace xp
