// `xp status`: how far each point has come and what it measured so far.
#include "engine/base/text.h"
#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"
#include "engine/cli/listing.h"

#include <fmt/format.h>

namespace xp {
namespace {

/// What one point's folders say beyond its state.
struct Reached {
  int64_t attempt = 0, updates = 0;
  Value bleu;  ///< of the evaluation, else of the last validation; null where there is none
};

Reached reached(const Point& point, const Workspace& workspace) {
  Reached out;
  if (point.training_id == "?") return out;
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

}  // namespace

int status_command(const Options& options) {
  const auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Plan& plan = experiment->plan;
  const Workspace workspace{options.workspace};
  Value json = plan_json(plan);
  std::vector<std::vector<std::string>> rows = {
      {"point", "state", "attempt", "updates", "bleu", "training"}};
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    const Reached now = reached(point, workspace);
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
