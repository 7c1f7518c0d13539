// `xp status`: how far each point has come and what it measured so far.
#include "engine/base/text.h"
#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"
#include "engine/cli/listing.h"
#include "results/store.h"

#include <fmt/format.h>

namespace xp {
namespace {

/// What one point's folders say beyond its state.
struct Reached {
  int64_t attempt = 0, updates = 0;
  Value bleu;  ///< of the evaluation, else of the last validation; null where there is none
};

// A run that is done is read from the store, which has it already.
Reached reached(const Point& point, const Workspace& workspace,
                const std::map<std::string, StoredRun>& runs) {
  Reached out;
  if (point.training_id == "?") return out;
  const auto trained = runs.find(point.training_id), evaluated = runs.find(point.evaluation_id);
  if (trained != runs.end() && evaluated != runs.end()) {
    out.attempt = trained->second.status.attempt;
    out.updates = static_cast<int64_t>(trained->second.status.summary.value("updates", 0.0));
    const Value& summary = evaluated->second.status.summary;
    if (summary.contains("bleu")) out.bleu = summary["bleu"];
    return out;
  }
  const fs::path training = workspace.training(point.training_id);
  out.attempt = last_attempt(training);
  size_t offset = 0;
  const fs::path folder = training / "attempts" / std::to_string(out.attempt);
  if (out.attempt > 0) {
    for (const auto& event : read_events(folder, offset)) {
      out.updates = std::max(out.updates, event.update);
      if (event.values.is_object() && event.values.contains("bleu"))
        out.bleu = event.values["bleu"];
    }
  }
  const Value summary = read_status(workspace.evaluation(point.evaluation_id)).summary;
  if (summary.contains("bleu")) out.bleu = summary["bleu"];
  return out;
}

std::string cell(const Value& number) {
  return number.is_number() ? fmt::format("{:.1f}", number.get<double>()) : "-";
}

Store open_store(const Workspace& workspace) {
  FoldResult folded;
  Store out = Store::of(workspace, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  return out;
}

// Without a file: every experiment of the workspace, from the store alone.
int workspace_status(const Options& options) {
  const auto found = open_store(Workspace{options.workspace}).progress();
  if (options.json) {
    Value list = Value::array();
    for (const Progress& one : found) {
      list.push_back({{"experiment", one.experiment},
                      {"points", one.points},
                      {"done", one.done},
                      {"started", one.started},
                      {"failed", one.failed}});
    }
    fmt::print("{}\n", Value{{"schema_version", 1}, {"experiments", list}}.dump(2));
    return Exit::kDone;
  }
  if (found.empty()) {
    fmt::print("no experiment has run in '{}'; next: xp run FILE\n", options.workspace.string());
    return Exit::kDone;
  }
  std::vector<std::vector<std::string>> rows = {
      {"experiment", "points", "done", "started", "failed"}};
  for (const Progress& one : found) {
    rows.push_back({one.experiment, std::to_string(one.points), std::to_string(one.done),
                    std::to_string(one.started), std::to_string(one.failed)});
  }
  fmt::print("{}next: xp status FILE shows the points of one\n", text_table(rows));
  return Exit::kDone;
}

std::map<std::string, StoredRun> stored_runs(const Plan& plan, const Workspace& workspace) {
  std::vector<std::string> ids;
  for (const Point& point : plan.points)
    ids.insert(ids.end(), {point.training_id, point.evaluation_id});
  return open_store(workspace).runs(ids);
}

}  // namespace

int status_command(const Options& options) {
  if (options.spec.empty()) return workspace_status(options);
  const auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Plan& plan = experiment->plan;
  const Workspace workspace{options.workspace};
  const auto runs = stored_runs(plan, workspace);
  Value json = plan_json(plan);
  std::vector<std::vector<std::string>> rows = {
      {"point", "state", "attempt", "updates", "bleu", "training"}};
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    const Reached now = reached(point, workspace, runs);
    json["points"][i].update(
        {{"attempt", now.attempt}, {"updates", now.updates}, {"bleu", now.bleu}});
    rows.push_back({point.name, std::string(state_name(point.state)), std::to_string(now.attempt),
                    std::to_string(now.updates), cell(now.bleu), point.training_id, point.cause});
  }
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return Exit::kDone;
  }
  const bool work = plan.count(PointState::kDone) < plan.points.size();
  fmt::print("{}: {}\n{}next: {}\n", plan.name, counts_line(plan), text_table(rows),
             next_command(options, work ? "run" : "report"));
  return Exit::kDone;
}

}  // namespace xp
