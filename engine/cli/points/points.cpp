// One list for every command.
#include "engine/cli/points/points.h"

#include "engine/base/error.h"
#include "engine/cli/parser/verbose.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {

bool PointView::is_cancelled() const {
  if (state == PointState::kDone || is_live(run.state)) return false;
  return run.is_cancelled || run.class_name() == outcome_name(Outcome::kCancelled);
}

std::optional<std::string> PointView::id() const {
  if (!ids) return std::nullopt;
  return ids->of(kind);
}

std::optional<RunKind> PointView::run_with(const std::string& prefix) const {
  if (!ids) return std::nullopt;
  if (ids->training.starts_with(prefix)) return RunKind::kTraining;
  if (ids->evaluation.starts_with(prefix)) return RunKind::kEvaluation;
  return std::nullopt;
}

std::string_view PointView::state_word() const {
  if (is_cancelled()) return outcome_name(Outcome::kCancelled);
  const bool is_plain = state == PointState::kDone || state == PointState::kBlocked;
  return is_plain ? state_name(state) : state_name(run.state);
}

namespace {

void refresh_state(PointView& point, const Workspace& workspace, const OpenJobs& jobs) {
  PointStanding now =
      point_standing(workspace.training(point.ids->training),
                     workspace.evaluation(point.ids->evaluation), point.checkpoint, jobs);
  point.state = now.state();
  point.cause = now.run.cause();
  point.kind = now.evaluates ? RunKind::kEvaluation : RunKind::kTraining;
  point.run = std::move(now.run);
}

}  // namespace

void refresh_states(std::vector<PointView>& points, const Workspace& workspace) {
  const OpenJobs jobs(workspace);
  for (auto& point : points) {
    if (point.state == PointState::kDone || !point.ids) continue;
    refresh_state(point, workspace, jobs);
  }
}

std::vector<PointView> points_of(const Plan& plan, const Workspace& workspace) {
  std::vector<PointView> out;
  out.reserve(plan.points.size());
  const OpenJobs jobs(workspace);
  for (const auto& point : plan.points) {
    PointView& view = out.emplace_back();
    view.experiment = plan.name;
    view.name = point.name;
    if (point.ids) view.ids = {point.ids->training, point.ids->evaluation};
    view.axes = point.axes;
    view.point = &point;
    view.checkpoint = point.checkpoint();
    view.state = point.state;
    view.cause = point.cause;
    if (point.training == State::kDone) view.kind = RunKind::kEvaluation;
    // What is untouched has nothing to read.
    const bool is_new = point.state == PointState::kNew && point.cause.empty();
    if (is_new || point.state == PointState::kDone || point.state == PointState::kBlocked) continue;
    refresh_state(view, workspace, jobs);
  }
  return out;
}

std::vector<PointView> points_of(const std::vector<ExperimentPoint>& points,
                                 const Workspace& workspace) {
  std::vector<PointView> out;
  out.reserve(points.size());
  for (const auto& [experiment, point] : points) {
    PointView& view = out.emplace_back();
    view.experiment = experiment;
    view.name = point.name.empty() ? experiment : point.name;
    view.axes = {point.axes.begin(), point.axes.end()};
    view.checkpoint = point.checkpoint;
    view.ids = point.ids;
    if (!view.ids) view.state = PointState::kBlocked;
  }
  refresh_states(out, workspace);
  return out;
}

Store open_store(const Workspace& workspace) {
  const Stage stage("folding finished runs into " + workspace.database().string());
  FoldResult folded;
  Store out = Store::of(workspace, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  return out;
}

void refresh_jobs(const Workspace& workspace) {
  try {
    const Stage stage("asking schedulers about open jobs");
    if (!open_jobs(workspace).empty()) update_jobs(workspace);
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) throw;
    fmt::print(stderr, "{}\n", error.what());
  }
}

std::optional<OpenPoints> open_points(const PointOptions& options) {
  OpenPoints out;
  const Workspace workspace{options.workspace};
  refresh_jobs(workspace);
  if (options.spec.empty()) {
    mention_other_workspace(options);
    out.points = points_of(open_store(workspace).all_points(), workspace);
    return out;
  }
  out.experiment = open_experiment(options);
  if (!out.experiment) return std::nullopt;
  out.points = points_of(out.experiment->plan, workspace);
  return out;
}

}  // namespace xp
