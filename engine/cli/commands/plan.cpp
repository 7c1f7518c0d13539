// `xp plan`: the points, their states and what they cost, before anything starts.
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/devices.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/preflight.h"
#include "engine/cli/points/programs.h"
#include "engine/plan/savings.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

constexpr size_t kMaxChanges = 50;

void print_names(const char* sign, const std::vector<std::string>& names) {
  for (size_t i = 0; i < std::min(names.size(), kMaxChanges); ++i)
    fmt::print("{} {}\n", sign, names[i]);
  if (names.size() > kMaxChanges)
    fmt::print("{} ... and {} more\n", sign, names.size() - kMaxChanges);
}

Value change_json(const PlanChange& change) {
  Value removed = Value::array();
  for (const auto& point : change.removed)
    removed.push_back(
        {{"name", point.name}, {"training", point.ids ? Value(point.ids->training) : Value()}});
  return {{"added", change.added}, {"kept", change.kept}, {"removed", removed}};
}

void print_change(const PlanChange& change) {
  std::vector<std::string> removed;
  for (const auto& point : change.removed)
    removed.push_back(point.name);
  print_names("+", change.added);
  print_names("-", removed);
  fmt::print("since the last run: {} added, {} removed, {} kept\n", change.added.size(),
             removed.size(), change.kept);
}

// By point; null without a prediction.
Value steps_json(const std::vector<StepForecast>& forecast) {
  Value out = Value::array();
  const auto number = [](const std::optional<double>& one) { return one ? Value(*one) : Value(); };
  for (const auto& one : forecast) {
    const auto& parts = one.parts;
    if (!parts) {
      out.push_back(one.step_ms ? Value{{"step_ms", *one.step_ms}} : Value());
      continue;
    }
    Value step = json_of(*parts);
    step["step_ms"] = number(one.step_ms);
    step["global_share"] = number(parts->share);
    step["least_share"] = number(parts->least_share);
    out.push_back(std::move(step));
  }
  return out;
}

struct Options : ExperimentOptions {
  bool exit_code = false, diff = false;

  void declare(Arguments& arguments) {
    ExperimentOptions::declare(arguments);
    arguments.flag("--exit-code", exit_code, "exit with 7 if there is work to do");
    arguments.flag("--diff", diff, "show what changed since the last run of the experiment");
  }
};

int show_plan(const Options& options) {
  const auto experiment = open_to_record(options);
  if (!experiment) return Exit::kSpec;
  const Plan& plan = experiment->plan;
  const Workspace workspace{options.workspace};
  const Outlook ahead = outlook(plan, workspace);
  const bool work = plan.count(PointState::kDone) < plan.points.size();
  PlanChange change;
  if (options.diff) change = plan_change(recorded_points(workspace.experiment(plan.name)), plan);
  auto notes = notes_of(plan, experiment->plugins, workspace);
  const auto forecast = step_forecast(plan, workspace, [&](const std::string& training) {
    return recorded_pace(workspace, training);
  });
  for (const auto& note : step_notes(plan, workspace, forecast))
    notes.push_back(note);
  const auto corpus_figures = experiment->corpus_figures();
  for (const auto& note : shares_that_pay(plan, *experiment->catalog, workspace, corpus_figures))
    notes.push_back(note);
  const auto packing = packing_that_pays(plan, *experiment->catalog, workspace, corpus_figures);
  if (!packing.empty()) notes.push_back(packing);
  const auto others = other_builds(plan, workspace, engine_file()).sentence();
  if (!others.empty()) notes.push_back(others);
  if (options.json) {
    Value more = {{"notes", notes}, {"steps", steps_json(forecast)}};
    if (options.diff) more["change"] = change_json(change);
    write_plan_json(plan, ahead, more, [](std::string_view text) { fmt::print("{}", text); });
    return options.exit_code && work ? Exit::kWork : Exit::kDone;
  }
  fmt::print("{}: {}\n", plan.name, counts_line(plan));
  if (options.diff) {
    print_change(change);
  } else {
    fmt::print("{}", points_table(plan, &ahead));
    fmt::print("{}", steps_table(plan, forecast));
  }
  fmt::print("{}\n", ahead.sentence());
  for (const auto& note : notes)
    fmt::print("note: {}\n", note);
  if (options.diff && !change.removed.empty())
    fmt::print("next: {} forgets the removed points\n", next_command(options, "prune"));
  // Without the devices `run` would refuse, as `check` does.
  const char* work_next = device_problems(plan).empty() ? "run" : "check";
  fmt::print("next: {}\n", next_command(options, work ? work_next : "report"));
  return options.exit_code && work ? Exit::kWork : Exit::kDone;
}

XP_COMMAND(Options, show_plan, "plan", Group::kExperiments,
           "show every point with its state and cost before anything starts");

}  // namespace
}  // namespace xp
