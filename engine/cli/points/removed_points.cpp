// Compares the recorded plan with the new one.
#include "engine/cli/points/removed_points.h"

#include "engine/plan/recorded_plan.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <thread>

namespace xp {
namespace {

void wait_until_free(const std::vector<fs::path>& folders) {
  constexpr int kMaxPolls = 100;
  for (const auto& folder : folders) {
    for (int i = 0; i < kMaxPolls && is_held(folder); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (is_held(folder)) fmt::print(stderr, "{} is still ending\n", folder.filename().string());
  }
}

}  // namespace

std::vector<RemovedRun> removed_runs(const WorkspaceOptions& options,
                                     const Experiment& experiment) {
  const Workspace workspace{options.workspace};
  const Plan& plan = experiment.plan;
  const PlanChange change = plan_change(recorded_points(workspace.experiment(plan.name)), plan);
  if (change.removed.empty()) return {};
  std::set<std::string> seen = runs_of_others(workspace, plan.name);
  for (const auto& point : plan.points)
    if (point.ids) seen.insert({point.ids->training, point.ids->evaluation});
  std::vector<RemovedRun> out;
  for (const auto& point : change.removed) {
    if (!point.ids) continue;
    for (const auto& [id, folder] :
         {std::make_pair(point.ids->training, workspace.training(point.ids->training)),
          std::make_pair(point.ids->evaluation, workspace.evaluation(point.ids->evaluation))}) {
      if (!seen.insert(id).second) continue;
      if (read_status(folder).state != State::kDone)
        out.push_back({point.name, id, folder, is_held(folder)});
    }
  }
  return out;
}

size_t cancel_removed(const WorkspaceOptions& options, const std::vector<RemovedRun>& removed) {
  const Workspace workspace{options.workspace};
  std::vector<fs::path> ending;
  std::set<fs::path> asked;
  for (const auto& run : removed) {
    ask_cancel(run.folder);  // a driver that has not started it yet will not
    asked.insert(run.folder);
    if (!run.is_running) continue;
    fmt::print(stderr, "cancelling {} ({})\n", run.name, run.id);
    ending.push_back(run.folder);
  }
  if (!open_jobs(workspace).empty()) cancel_jobs(workspace, asked);
  wait_until_free(ending);
  return ending.size();
}

}  // namespace xp
