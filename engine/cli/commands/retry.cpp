// `xp retry`: runs again what failed or was cancelled.
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/commands/run.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/advice.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/question.h"
#include "engine/run/run_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace xp {
namespace {

struct Options : PointOptions {
  bool dry_run = false, yes = false;
  DriverOptions driver;

  void declare(Arguments& arguments) {
    PointOptions::declare(arguments);
    arguments.flag("--dry-run", dry_run, "list what would be retried, and stop");
    arguments.flag("--yes", yes, "do not ask");
    driver.declare(arguments);
  }
};

constexpr size_t kMaxNames = 20;

using Points = std::vector<const PointView*>;

bool is_to_retry(const PointView& point) {
  return point.state == PointState::kFailed ||
         (point.run.is_cancelled && !is_live(point.run.state));
}

std::string advice_for(const PointView& point, const Workspace& workspace) {
  const fs::path folder = point.folder(workspace);
  int64_t checkpoint = 0;
  for (int64_t i = last_attempt(folder); i > 0 && checkpoint == 0; --i) {
    RunProgress progress(attempt_folder(folder, i));
    progress.refresh();
    checkpoint = progress.checkpoint();
  }
  const fs::path spec = spec_file(folder);
  return retry_advice(point.run, fs::exists(spec) ? load_toml(spec.string()) : Value(), checkpoint)
      .sentence;
}

void print_points(const Points& points, const Workspace& workspace) {
  for (size_t i = 0; i < std::min(points.size(), kMaxNames); ++i) {
    const PointView& point = *points[i];
    const std::string name = point.run.class_name();
    fmt::print(stderr, "  {}: {}{}; {}\n", point.name, state_name(point.run.state),
               name.empty() ? "" : ", " + name, advice_for(point, workspace));
  }
  if (points.size() > kMaxNames)
    fmt::print(stderr, "  ... and {} more\n", points.size() - kMaxNames);
}

// `xp run` for these points only: it withdraws cancellations and resets the count of retries.
int run_again(const Options& options, const std::string& experiment, const Points& points) {
  std::optional<ExperimentOptions> file = options;
  if (options.spec.empty()) file = recorded_options(options, experiment);
  if (!file) {
    fmt::print(stderr, "the experiment file of {} is gone; next: xp run FILE{}\n", experiment,
               workspace_words(options));
    return Exit::kUnfinished;
  }
  RunOptions again;
  static_cast<ExperimentOptions&>(again) = *file;
  again.driver = options.driver;
  again.yes = true;  // asked before
  for (const auto* point : points)
    again.ids.push_back(point->ids->evaluation);
  return run_experiment(again);
}

int retry(const Options& options) {
  const Workspace workspace{options.workspace};
  const auto open = open_points(options);
  if (!open) return Exit::kSpec;
  std::map<std::string, Points> by_experiment;
  Points all;
  for (const auto& one : select(open->points, options.names, workspace)) {
    if (!is_to_retry(*one.point)) continue;
    all.push_back(one.point);
    by_experiment[one.point->experiment].push_back(one.point);
  }
  if (all.empty()) {
    fmt::print("nothing failed or was cancelled: {}\n", counts_of(open->points));
    return Exit::kDone;
  }
  const std::string what = fmt::format("{} point{}", all.size(), all.size() == 1 ? "" : "s");
  print_points(all, workspace);
  if (options.dry_run) {
    fmt::print("{} would be retried\n", what);
    return Exit::kDone;
  }
  if (is_conversation() && !agreed(options.yes, "retry " + what + "?")) {
    fmt::print("nothing was changed\n");
    return Exit::kDone;
  }
  int code = Exit::kDone;
  for (const auto& [experiment, points] : by_experiment)
    code = std::max(code, run_again(options, experiment, points));
  return code;
}

XP_COMMAND(Options, retry, "retry", Group::kRuns,
           "run again what failed or was cancelled, from its last checkpoint",
           "resume rerun restart");

}  // namespace
}  // namespace xp
