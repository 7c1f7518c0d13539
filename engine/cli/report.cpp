// `xp report`: folds finished folders into the store and prints the comparison.
#include "results/report.h"

#include "engine/cli/commands.h"
#include "engine/cli/experiment.h"
#include "results/store.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace xp {
namespace {

bool wants_colour() {
  const char *refused = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

// The points as the results know them, with a way back to their settings.
class Points {
 public:
  explicit Points(const Experiment& experiment) : experiment_(experiment) {
    for (const auto& point : experiment.plan.points) {
      ReportPoint out;
      out.axes = point.axes;
      if (point.training_id != "?") out.training = point.training_id;
      if (point.evaluation_id != "?") out.evaluation = point.evaluation_id;
      const Value* seed = find_path(point.settings(), "train.seed");
      if (seed != nullptr) out.seed = *seed;
      list.push_back(std::move(out));
    }
  }

  Value setting(const ReportPoint& wanted, const std::string& path) const {
    const auto& points = experiment_.plan.points;
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].axes != wanted.axes || list[i].evaluation != wanted.evaluation) continue;
      const Value* found = find_path(points[i].settings(), path);
      return found == nullptr ? Value() : *found;
    }
    return {};
  }

  std::function<bool(const ReportPoint&)> test(const std::optional<Condition>& condition) const {
    if (!condition) return {};
    return [this, &condition](const ReportPoint& point) {
      try {
        return condition->expression.holds(
            [&](size_t name) { return setting(point, condition->paths.at(name)); });
      } catch (const ExpressionError& error) {
        user_error("in [report]: {}", error.what());
      }
    };
  }

  std::vector<ReportPoint> list;

 private:
  const Experiment& experiment_;
};

// Keys that are axes go in as full paths, others as they were written.
ReportSection report_section(const Experiment& experiment, const Options& options) {
  auto section = bind_settings<ReportSection>(experiment.spec.report);
  const auto& axes = experiment.plan.axes;
  const auto full = [&](std::string& key) {
    const auto found = experiment.spec.report_keys.find(key);
    if (found == experiment.spec.report_keys.end()) return;
    if (std::find(axes.begin(), axes.end(), found->second) != axes.end()) key = found->second;
  };
  for (auto& row : section.rows)
    full(row);
  full(section.pivot);
  if (options.json) section.format = "json";
  if (!options.format.empty()) section.format = options.format;
  return section;
}

}  // namespace

int report_command(const Options& options) {
  const auto experiment = open_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Workspace workspace{options.workspace};
  const ReportSection section = report_section(*experiment, options);
  const auto renderer = make_part<Renderer>({{"use", section.format}});
  FoldResult folded;
  const Store store = Store::of(workspace, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  const Points points(*experiment);
  ReportInput input;
  input.name = experiment->spec.name;
  input.description = experiment->spec.description;
  input.file = options.spec;
  input.points = points.list;
  input.runs = report_runs(workspace, store, points.list);
  input.where = points.test(experiment->spec.report_where);
  input.is_baseline = points.test(experiment->spec.report_baseline);
  input.setting = [&](const ReportPoint& point, const std::string& name) {
    const auto path = experiment->spec.report_keys.find(name);
    return points.setting(point, path == experiment->spec.report_keys.end() ? name : path->second);
  };
  fmt::print("{}", renderer->render(make_report(section, input), wants_colour()));
  return Exit::kDone;
}

}  // namespace xp
