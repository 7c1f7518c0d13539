// Prints problems the same way for every command.
#include "engine/cli/points/experiment.h"

#include "engine/base/environment.h"
#include "engine/base/json_text.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/cli/parser/verbose.h"
#include "engine/cli/points/corpus_check.h"
#include "engine/cli/points/devices.h"
#include "engine/cli/points/metric_check.h"
#include "engine/cli/points/programs.h"
#include "engine/experiment/codes.h"
#include "engine/plan/recorded_plan.h"
#include "registry/plugin.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

std::vector<PluginName> environment_plugins() {
  std::vector<PluginName> out;
  for (const auto& file : plugin_files())
    out.push_back({file, {variable::kPlugins, 0, 0, 0}});
  return out;
}

// Without the file, settings of models and exchanges would seem to belong to nothing. A build
// without xp-engine has neither.
Catalog linked_catalog() {
  const fs::path file = components_file();
  if (!fs::exists(file) && fs::exists(engine_file())) {
    machine_error("'{}' is missing, which lists all components; build it with `make build`",
                  file.string());
  }
  return Catalog::of_build(file);
}

// Plug-ins and what they declare. Nothing else can be checked before these are known.
void take_plugins(Experiment& out, const Source& source, Problems& problems) {
  auto names = environment_plugins();
  for (auto& name : plugin_names(source))
    names.push_back(std::move(name));
  out.plugins = describe_plugins(names, plugin_describer(), problems);
  if (!problems.empty()) return;
  const Place place = names.empty() ? Place{} : names.back().place;
  try {
    out.catalog = std::make_unique<Catalog>(with_plugins(linked_catalog(), out.plugins));
    for (const auto& plugin : out.plugins) {
      if (plugin.is_of_xp) load_plugin(plugin.file);
    }
  } catch (const Error& error) {
    if (error.blame() != Blame::kUser) throw;
    problems.add(place, code::kPlugin, error.what());
  }
}

void print_problems(const Problems& problems, const ExperimentOptions& options) {
  if (options.is_quiet) return;
  if (options.json) {
    const Value found = {{"schema_version", 1}, {"problems", problems.json()}};
    fmt::print("{}\n", json_text(found, 2));
  } else {
    fmt::print(stderr, "{}\n", problems.text());
  }
}

// All but the assessments; what is wrong so far is added to `problems`.
Experiment expanded(const ExperimentOptions& options, Problems& problems) {
  const Stage stage("reading " + options.spec + " and expanding its sweep");
  Experiment out;
  Source source = read_source(options.spec, problems);
  if (problems.empty()) take_plugins(out, source, problems);
  if (problems.empty())
    out.spec = load_spec(options.spec, std::move(source), options.sets, *out.catalog, problems);
  if (out.spec.is_plannable) out.plan = expand(out.spec, *out.catalog, problems);
  out.plan.plugins = plugin_table(out.plugins);
  out.corpora = std::make_unique<Corpora>(Workspace{options.workspace}, options.mirror,
                                          out.spec.folder(), out.plan.name);
  return out;
}

// Assesses the points; false if something is wrong, which is printed then.
bool is_sound(Experiment& experiment, const ExperimentOptions& options, Problems& problems) {
  const Stage stage(fmt::format("checking {} points", experiment.plan.points.size()));
  if (experiment.spec.is_plannable)
    assess(experiment.plan, experiment.spec, *experiment.catalog, problems,
           experiment.corpus_figures());
  if (!problems.empty()) print_problems(problems, options);
  return problems.empty();
}

// Fills in the ids, and the plan's notes with what prepared corpora say; false if a corpus does not
// fit the settings, which is printed then.
bool fits_corpora(Experiment& experiment, const ExperimentOptions& options) {
  const Stage stage("hashing corpora and settings to ids");
  Problems problems;
  std::vector<std::string> notes;
  const fs::path recorded = Workspace{options.workspace}.experiment(experiment.plan.name);
  if (auto source = recorded_source(recorded))
    experiment.plan.initial_ids = std::move(source->initial_ids);
  identify(experiment.plan, [&](const Value& corpus) {
    const CorpusIdentity identity = experiment.corpora->identity(corpus);
    if (!identity.id) return identity;
    const fs::path folder = Workspace{options.workspace}.corpus(*identity.id);
    const CorpusCheck check = check_corpus(experiment.plan, corpus, folder);
    for (const auto& problem : check.problems) {
      problems.add(experiment.spec.source.value_place(problem.setting), problem.code,
                   problem.sentence, problem.hint);
    }
    notes.insert(notes.end(), check.notes.begin(), check.notes.end());
    return identity;
  });
  experiment.plan.notes.insert(experiment.plan.notes.end(), notes.begin(), notes.end());
  if (!problems.empty()) print_problems(problems, options);
  return problems.empty();
}

// False if points cannot be computed or scored here, which is printed then.
bool can_compute(const Experiment& experiment, const ExperimentOptions& options) {
  Problems problems;
  for (const auto& found : device_problems(experiment.plan))
    problems.add(experiment.spec.place_of(found.settings), code::kDevice, found.sentence);
  check_metrics(experiment, problems);
  if (!problems.empty()) print_problems(problems, options);
  return problems.empty();
}

// A problem if another file has an experiment of this name in the workspace.
void check_name(const Experiment& experiment, const ExperimentOptions& options,
                Problems& problems) {
  if (experiment.spec.name.empty()) return;
  const auto other = other_file_of(experiment.spec, {options.workspace});
  if (!other) return;
  problems.add(experiment.spec.source.value_place("name"), code::kNameTaken,
               fmt::format("'{}' is the experiment of '{}' in this workspace, whose plan would be "
                           "lost; choose another name, or another --workspace",
                           experiment.spec.name, *other));
}

}  // namespace

Catalog build_catalog() {
  Problems problems;
  const auto plugins = describe_plugins(environment_plugins(), plugin_describer(), problems);
  problems.raise();
  return with_plugins(linked_catalog(), plugins);
}

std::optional<Experiment> load_experiment(const ExperimentOptions& options) {
  Problems problems;
  Experiment out = expanded(options, problems);
  if (!is_sound(out, options, problems)) return std::nullopt;
  return out;
}

std::optional<Experiment> identify_experiment(const ExperimentOptions& options) {
  auto out = load_experiment(options);
  if (!out || !fits_corpora(*out, options)) return std::nullopt;
  return out;
}

std::optional<Experiment> open_experiment(const ExperimentOptions& options) {
  mention_other_workspace(options);
  auto out = identify_experiment(options);
  if (out) read_states(out->plan, {options.workspace});
  return out;
}

std::optional<Experiment> open_to_record(const ExperimentOptions& options) {
  mention_other_workspace(options);
  Problems problems;
  Experiment out = expanded(options, problems);
  check_name(out, options, problems);
  if (!is_sound(out, options, problems) || !fits_corpora(out, options)) return std::nullopt;
  read_states(out.plan, {options.workspace});
  return out;
}

std::optional<Experiment> open_to_run(const ExperimentOptions& options, bool writes_plan) {
  mention_other_workspace(options);
  Problems problems;
  Experiment out = expanded(options, problems);
  check_name(out, options, problems);
  const Workspace workspace{options.workspace};
  const bool may_be_done =
      problems.empty() && !writes_plan && fs::exists(workspace.experiment(out.plan.name));
  if (!may_be_done && !is_sound(out, options, problems)) return std::nullopt;
  if (!fits_corpora(out, options)) return std::nullopt;
  read_states(out.plan, workspace);
  const bool is_done = out.plan.count(PointState::kDone) == out.plan.points.size() &&
                       is_recorded(out.plan, out.spec, options.sets, workspace);
  if (may_be_done && !is_done && !is_sound(out, options, problems)) return std::nullopt;
  if (!can_compute(out, options)) return std::nullopt;
  return out;
}

std::optional<Experiment> open_to_check(const ExperimentOptions& options) {
  auto out = identify_experiment(options);
  if (!out) return std::nullopt;
  read_states(out->plan, {options.workspace});
  if (!can_compute(*out, options)) return std::nullopt;
  return out;
}

std::optional<ExperimentOptions> recorded_options(const ExperimentOptions& options,
                                                  const std::string& experiment) {
  const auto source = recorded_source(Workspace{options.workspace}.experiment(experiment));
  if (!source || source->file.empty() || !fs::exists(source->file)) return std::nullopt;
  ExperimentOptions out = options;
  out.spec = source->file;
  out.sets = source->sets;
  return out;
}

std::string workspace_words(const WorkspaceOptions& options) {
  return options.names_workspace ? " --workspace " + shell_word(options.workspace.string()) : "";
}

std::string experiment_words(const ExperimentOptions& options) {
  std::string out = shell_word(options.spec);
  for (const auto& set : options.sets)
    out += " --set " + shell_word(set);
  return out + workspace_words(options);
}

std::string next_command(const ExperimentOptions& options, const std::string& command) {
  return "xp " + command + " " + experiment_words(options);
}

}  // namespace xp
