// Selectors first, then folders that no plan knows any more.
#include "engine/cli/points/named_run.h"

#include "engine/cli/parser/exit_code.h"
#include "engine/launch/rank_log.h"

#include <fmt/format.h>

namespace xp {
namespace {

// The only selector that can name a run without a point.
bool may_be_id(const std::vector<std::string>& words) {
  return words.size() == 1 && words[0].size() >= 4 &&
         words[0].find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_in_points(const std::vector<PointView>& points, const std::string& begin) {
  return std::any_of(points.begin(), points.end(),
                     [&](const PointView& point) { return point.run_with(begin).has_value(); });
}

}  // namespace

std::optional<NamedRun> named_run(const PointOptions& options, std::optional<OpenPoints>& open) {
  const Workspace workspace{options.workspace};
  open = open_points(options);
  if (!open) return std::nullopt;
  NamedRun out;
  if (may_be_id(options.names) && !is_in_points(open->points, options.names[0])) {
    const RunFolder found = find_run(workspace, options.names[0]);
    out.kind = found.kind;
    out.id = found.id;
    out.folder = found.folder;
  } else {
    const Selected one = select_one(open->points, options.names, workspace);
    if (!one.point->ids) {
      usage_error("{} has no run yet: {}", one.point->name,
                  one.point->cause.empty() ? "its corpus is not known" : one.point->cause);
    }
    out.kind = one.kind;
    out.id = one.id();
    out.name = one.point->name;
    out.experiment = one.point->experiment;
    out.point = one.point->point;
    out.folder = workspace.run(out.kind, out.id);
  }
  out.standing = standing_of(out.folder, OpenJobs(workspace));
  return out;
}

RunFolder named_folder(const WorkspaceOptions& options, const std::string& selector) {
  const Workspace workspace{options.workspace};
  if (may_be_id({selector})) return find_run(workspace, selector);
  PointOptions points;
  static_cast<WorkspaceOptions&>(points) = options;
  points.names = {selector};
  std::optional<OpenPoints> open;
  return find_run(workspace, named_run(points, open)->id);
}

RunFolder named_evaluation(const WorkspaceOptions& options, const std::string& selector) {
  const Workspace workspace{options.workspace};
  RunFolder run = named_folder(options, selector);
  if (run.kind == RunKind::kEvaluation) return run;
  PointOptions all;
  static_cast<WorkspaceOptions&>(all) = options;
  std::string newest;
  double begun_s = -1;
  const auto open = open_points(all);
  for (const auto& point : open->points) {
    if (!point.ids || point.ids->training != run.id) continue;
    const fs::path folder = workspace.evaluation(point.ids->evaluation);
    if (!fs::exists(spec_file(folder))) continue;
    const Status status = read_status(folder);
    if (status.started_s <= begun_s) continue;
    begun_s = status.started_s;
    newest = point.ids->evaluation;
  }
  if (newest.empty()) {
    usage_error("{} has no evaluation, whose [eval] is used; `xp run` evaluates it", run.title());
  }
  return find_run(workspace, newest);
}

std::optional<JobRecord> job_of_run(const Workspace& workspace, const NamedRun& run) {
  if (const std::string name = job_of(run.folder); !name.empty()) return read_job(workspace, name);
  const fs::path relative = run.folder.lexically_relative(workspace.root);
  std::optional<JobRecord> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.jobs(), none)) {
    auto job = read_job(workspace, entry.path().filename().string());
    if (!job || (out && job->submitted_s < out->submitted_s)) continue;
    if (std::find(job->runs.begin(), job->runs.end(), relative) != job->runs.end())
      out = std::move(job);
  }
  return out;
}

fs::path log_that_matters(const fs::path& attempt_folder) {
  const auto end = read_end(attempt_folder);
  const int64_t rank = end && end->rank >= 0 ? end->rank : 0;
  return rank_log_file(attempt_folder, rank);
}

}  // namespace xp
