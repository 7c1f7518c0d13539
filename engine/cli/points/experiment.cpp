// Prints problems the same way for every command.
#include "engine/cli/points/experiment.h"

#include "engine/base/text.h"
#include "engine/cli/points/preflight.h"
#include "engine/cli/points/programs.h"
#include "engine/experiment/codes.h"
#include "engine/plan/recorded_plan.h"
#include "engine/run/corpora.h"
#include "engine/run/jobs.h"
#include "registry/plugin.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <thread>

namespace xp {
namespace {

std::vector<PluginName> environment_plugins(const Options& options) {
  std::vector<PluginName> out;
  for (const auto& file : options.plugins)
    out.push_back({file, {"XP_PLUGINS", 0, 0, 0}});
  return out;
}

Catalog linked_catalog() {
  return Catalog::of_build(components_file());
}

// Plug-ins and what they declare. Nothing else can be checked before these are known.
void take_plugins(Experiment& out, const Source& source, const Options& options,
                  Problems& problems) {
  auto names = environment_plugins(options);
  for (auto& name : plugin_names(source))
    names.push_back(std::move(name));
  out.plugins = describe_plugins(names, plugin_describer(options), problems);
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

void print_problems(const Problems& problems, const Options& options) {
  if (options.json) {
    const Value found = {{"schema_version", 1}, {"problems", problems.json()}};
    fmt::print("{}\n", found.dump(2));
  } else {
    fmt::print(stderr, "{}\n", problems.text());
  }
}

// All but the assessments; what is wrong so far is added to `problems`.
Experiment expanded(const Options& options, Problems& problems) {
  Experiment out;
  Source source = read_source(options.spec, problems);
  if (problems.empty()) take_plugins(out, source, options, problems);
  if (problems.empty())
    out.spec = load_spec(options.spec, std::move(source), options.sets, *out.catalog, problems);
  if (out.spec.is_plannable) out.plan = expand(out.spec, *out.catalog, problems);
  out.plan.plugins = plugin_table(out.plugins);
  return out;
}

// Assesses the points; false where something is wrong, which is printed then.
bool is_sound(Experiment& experiment, const Options& options, Problems& problems) {
  const Corpora corpora({options.workspace}, options.mirror, experiment.spec.folder());
  if (experiment.spec.is_plannable)
    assess(experiment.plan, experiment.spec, *experiment.catalog, problems,
           [&](const Value& corpus) { return corpora.figures(corpus); });
  const bool lists_none = options.json && options.command == "check";
  if (!problems.empty() || lists_none) print_problems(problems, options);
  return problems.empty();
}

// Fills in the ids; false where a corpus lacks a subset that is asked for, which is printed then.
bool has_subsets(Experiment& experiment, const Options& options) {
  const Corpora corpora({options.workspace}, options.mirror, experiment.spec.folder(),
                        experiment.plan.name);
  Problems problems;
  identify(experiment.plan, [&](const Value& corpus) {
    const CorpusIdentity identity = corpora.identity(corpus);
    const fs::path folder = Workspace{options.workspace}.corpus(identity.id);
    if (identity.id.empty()) return identity;
    if (const auto missing = missing_subset(experiment.plan, corpus, folder)) {
      problems.add(experiment.spec.source.value_place("eval.subsets"), code::kSubset,
                   missing->sentence(), nearest(missing->name, missing->known));
    }
    return identity;
  });
  if (!problems.empty()) print_problems(problems, options);
  return problems.empty();
}

// A problem if another file has an experiment of this name in the workspace.
void check_name(const Experiment& experiment, const Options& options, Problems& problems) {
  if (experiment.spec.name.empty()) return;
  const auto other = other_file_of(experiment.spec, {options.workspace});
  if (!other) return;
  problems.add(experiment.spec.source.value_place("name"), code::kNameTaken,
               fmt::format("'{}' is the experiment of '{}' in this workspace, whose plan would be "
                           "lost; choose another name, or another --workspace",
                           experiment.spec.name, *other));
}

void wait_until_free(const std::vector<fs::path>& folders) {
  constexpr int kMostPolls = 100;
  for (const auto& folder : folders) {
    for (int i = 0; i < kMostPolls && is_held(folder); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (is_held(folder)) fmt::print(stderr, "{} is still ending\n", folder.filename().string());
  }
}

}  // namespace

Catalog build_catalog(const Options& options) {
  Problems problems;
  const auto plugins =
      describe_plugins(environment_plugins(options), plugin_describer(options), problems);
  problems.raise();
  return with_plugins(linked_catalog(), plugins);
}

std::optional<Experiment> load_experiment(const Options& options) {
  Problems problems;
  Experiment out = expanded(options, problems);
  if (!is_sound(out, options, problems)) return std::nullopt;
  return out;
}

std::optional<Experiment> identify_experiment(const Options& options) {
  auto out = load_experiment(options);
  if (!out || !has_subsets(*out, options)) return std::nullopt;
  return out;
}

std::optional<Experiment> open_experiment(const Options& options) {
  auto out = identify_experiment(options);
  if (out) read_states(out->plan, {options.workspace});
  return out;
}

std::optional<Experiment> open_to_record(const Options& options) {
  Problems problems;
  Experiment out = expanded(options, problems);
  check_name(out, options, problems);
  if (!is_sound(out, options, problems) || !has_subsets(out, options)) return std::nullopt;
  read_states(out.plan, {options.workspace});
  return out;
}

std::optional<Experiment> open_to_run(const Options& options) {
  Problems problems;
  Experiment out = expanded(options, problems);
  check_name(out, options, problems);
  const Workspace workspace{options.workspace};
  const bool may_be_done =
      problems.empty() && !options.prune && fs::exists(workspace.experiment(out.plan.name));
  if (!may_be_done && !is_sound(out, options, problems)) return std::nullopt;
  if (!has_subsets(out, options)) return std::nullopt;
  read_states(out.plan, workspace);
  const bool is_done = out.plan.count(PointState::kDone) == out.plan.points.size() &&
                       is_recorded(out.plan, out.spec, options.sets, workspace);
  if (may_be_done && !is_done && !is_sound(out, options, problems)) return std::nullopt;
  return out;
}

std::optional<Options> recorded_options(const Options& options, const std::string& experiment) {
  const auto source = recorded_source(Workspace{options.workspace}.experiment(experiment));
  if (!source || source->file.empty() || !fs::exists(source->file)) return std::nullopt;
  Options out = options;
  out.spec = source->file;
  out.sets = source->sets;
  return out;
}

size_t cancel_removed(const Options& options, const Experiment& experiment) {
  const Workspace workspace{options.workspace};
  const Plan& plan = experiment.plan;
  const PlanChange change = plan_change(recorded_points(workspace.experiment(plan.name)), plan);
  std::set<std::string> wanted = runs_of_others(workspace, plan.name);
  for (const auto& point : plan.points) {
    if (!point.ids) continue;
    wanted.insert(point.ids->training);
    wanted.insert(point.ids->evaluation);
  }
  size_t cancelled = 0;
  std::vector<fs::path> ending;
  std::set<fs::path> asked;
  std::set<fs::path> seen;
  for (const auto& point : change.removed) {
    for (const auto& [id, folder] :
         {std::make_pair(point.training, workspace.training(point.training)),
          std::make_pair(point.evaluation, workspace.evaluation(point.evaluation))}) {
      if (id.empty() || wanted.contains(id) || !seen.insert(folder).second) continue;
      if (read_status(folder).state == State::kDone) continue;
      const bool is_running = is_held(folder);
      ask_cancel(folder);  // a driver that has not come to it yet will not start it
      asked.insert(folder);
      if (!is_running) continue;
      fmt::print(stderr, "cancelling {} ({})\n", point.name, id);
      ending.push_back(folder);
      ++cancelled;
    }
  }
  if (!open_jobs(workspace).empty()) cancel_jobs(workspace, asked);
  wait_until_free(ending);
  return cancelled;
}

std::string workspace_words(const Options& options) {
  return options.names_workspace ? " --workspace " + options.workspace.string() : "";
}

std::string next_command(const Options& options, const std::string& command) {
  std::string out = "xp " + command + " " + options.spec;
  for (const auto& set : options.sets)
    out += fmt::format(" --set '{}'", set);
  return out + workspace_words(options);
}

}  // namespace xp
