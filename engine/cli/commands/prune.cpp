// What an experiment leaves behind: its recorded plan, and `xp prune`, which forgets what left it.
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/listing.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <thread>

namespace xp {
namespace {

std::string place_text(const Place& place) {
  return place.line > 0 ? fmt::format("{}:{}", place.file, place.line) : place.file;
}

// Setting -> where it was written, axes aside.
Value origins(const Spec& spec) {
  Value out = Value::object();
  for (const auto& [path, place] : spec.source.keys) {
    const Value* value = find_path(spec.settings, path);
    if (value != nullptr && !value->is_object()) out[path] = place_text(place);
  }
  return out;
}

// The same of the axes, which win over tables,
Value axis_origins(const Sweep& sweep) {
  Value out = Value::object();
  for (const auto& axis : sweep.axes) {
    for (const auto& key : axis.keys)
      out[key] = place_text(axis.place);
  }
  return out;
}

// and of what each of the sweep's further points sets instead.
Value further_origins(const Sweep& sweep) {
  Value out = Value::array();
  for (const auto& places : sweep.point_places) {
    Value one = Value::object();
    for (const auto& [path, place] : places)
      one[path] = place_text(place);
    out.push_back(std::move(one));
  }
  return out;
}

// The runs that any other experiment of the workspace has.
std::set<std::string> wanted_elsewhere(const Workspace& workspace, const std::string& own) {
  std::set<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.root / "experiments", none)) {
    if (entry.path().filename() == own) continue;
    for (const auto& point : recorded_points(entry.path())) {
      out.insert(point.training);
      out.insert(point.evaluation);
    }
  }
  return out;
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

void record(const Options& options, const Experiment& experiment) {
  const Workspace workspace{options.workspace};
  const fs::path folder = workspace.experiment(experiment.plan.name);
  write_atomic(folder / "spec.toml", read_file(experiment.spec.file));
  Plan known = experiment.plan;
  for (auto& point : known.points) {  // for the store, what is not known is empty
    for (std::string* id : {&point.corpus_id, &point.training_id, &point.evaluation_id}) {
      if (*id == "?") id->clear();
    }
  }
  std::string text;
  write_plan_json(known, outlook(experiment.plan, workspace),
                  {{"origins", origins(experiment.spec)},
                   {"axis_origins", axis_origins(experiment.spec.sweep)},
                   {"further_origins", further_origins(experiment.spec.sweep)},
                   {"file", fs::absolute(options.spec).string()},
                   {"sets", options.sets}},
                  [&text](std::string_view piece) { text += piece; });
  write_atomic(folder / "plan.json", text);
}

std::optional<Options> recorded_options(const Options& options, const std::string& experiment) {
  const fs::path plan = Workspace{options.workspace}.experiment(experiment) / "plan.json";
  if (!fs::exists(plan)) return std::nullopt;
  const Value value = Value::parse(read_file(plan), nullptr, /*allow_exceptions=*/false);
  const std::string file = value.is_object() ? value.value("file", "") : "";
  if (file.empty() || !fs::exists(file)) return std::nullopt;
  Options out = options;
  out.spec = file;
  out.sets = value.value("sets", std::vector<std::string>());
  return out;
}

size_t cancel_removed(const Options& options, const Experiment& experiment) {
  const Workspace workspace{options.workspace};
  const Plan& plan = experiment.plan;
  const PlanChange change = plan_change(recorded_points(workspace.experiment(plan.name)), plan);
  std::set<std::string> wanted = wanted_elsewhere(workspace, plan.name);
  for (const auto& point : plan.points) {
    wanted.insert(point.training_id);
    wanted.insert(point.evaluation_id);
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

int prune_command(const Options& options) {
  const auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  const fs::path folder = Workspace{options.workspace}.experiment(experiment->plan.name);
  const PlanChange change = plan_change(recorded_points(folder), experiment->plan);
  const bool is_idle = change.removed.empty();
  const size_t cancelled = is_idle ? 0 : cancel_removed(options, *experiment);
  if (!is_idle) record(options, *experiment);
  if (options.json) {
    Value removed = Value::array();
    for (const auto& point : change.removed)
      removed.push_back({{"name", point.name}, {"training", point.training}});
    const Value what = {{"schema_version", 1}, {"removed", removed}, {"cancelled", cancelled}};
    fmt::print("{}\n", what.dump(2));
    return Exit::kDone;
  }
  if (is_idle) fmt::print("nothing left the sweep\n");
  if (is_idle) return Exit::kDone;
  for (const auto& point : change.removed)
    fmt::print("- {}\n", point.name);
  fmt::print("{} forgotten, {} of their runs cancelled; finished trainings stay until xp gc\n",
             change.removed.size(), cancelled);
  return Exit::kDone;
}

}  // namespace xp
