// `xp status`: progress of each point: what it is waiting for, why it failed, what it measured.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/point_table.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

struct Options : PointOptions {};

constexpr size_t kMaxRows = 100;

using Rows = std::vector<const PointView*>;

// Shown first if not all rows fit.
bool is_of_interest(const PointView& point) {
  return point.state != PointState::kDone && point.state != PointState::kNew;
}

Rows cut(const Rows& rows) {
  if (rows.size() <= kMaxRows) return rows;
  Rows out;
  for (const auto* row : rows) {
    if (is_of_interest(*row) && out.size() < kMaxRows) out.push_back(row);
  }
  for (const auto* row : rows) {
    if (!is_of_interest(*row) && out.size() < kMaxRows) out.push_back(row);
  }
  return out;
}

bool names_experiments(const Rows& rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const PointView* row) {
    return row->experiment != rows.front()->experiment;
  });
}

void print_rows(const Rows& all, PointReader& reader, const Workspace& workspace) {
  const Rows rows = cut(all);
  const bool experiments = names_experiments(rows);
  std::vector<std::vector<std::string>> table = {{"#"}};
  if (experiments) table[0].emplace_back("experiment");
  table[0].insert(table[0].end(), kPointColumns.begin(), kPointColumns.end());
  for (size_t i = 0; i < rows.size(); ++i) {
    auto& cells = table.emplace_back();
    cells.push_back(std::to_string(i + 1));
    if (experiments) cells.push_back(rows[i]->experiment);
    const auto more = point_cells(*rows[i], reader.figures(*rows[i]));
    cells.insert(cells.end(), more.begin(), more.end());
  }
  const size_t state_column = experiments ? 3 : 2;
  fmt::print("{}", text_table(table, [&](size_t row, size_t column) {
               const bool is_state = row > 0 && column == state_column && wants_colour();
               return is_state ? state_colour(*rows[row - 1]) : Colour::kNone;
             }));
  if (rows.size() < all.size())
    fmt::print("... and {} more; select some, or use --json for all\n", all.size() - rows.size());
  keep_table(workspace, rows);
}

Rows pointers(const std::vector<Selected>& selected) {
  Rows out;
  for (const auto& one : selected)
    out.push_back(one.point);
  return out;
}

// Hints what to type next.
void print_next(const Options& options, const Rows& rows) {
  const std::string failures = failures_line(rows);
  if (!failures.empty()) {
    const auto* failed = *std::find_if(rows.begin(), rows.end(),
                                       [](const PointView* row) { return row->has_failed(); });
    fmt::print("{}; xp why {}{} shows one\n", failures, failed->id().value_or(failed->name),
               workspace_words(options));
  }
  const auto has = [&](auto&& holds) { return std::any_of(rows.begin(), rows.end(), holds); };
  if (options.spec.empty()) return;
  const char* command = "report";
  const auto is_left = [](const PointView* row) {
    return row->state != PointState::kDone && row->state != PointState::kBlocked;
  };
  if (has(is_left)) command = "run";
  if (has([](const PointView* row) { return is_live(row->run.state); })) command = "watch";
  fmt::print("next: {}\n", next_command(options, command));
}

void print_points(const Options& options, const OpenPoints& open, const Rows& rows,
                  PointReader& reader) {
  if (open.experiment && options.names.empty()) {
    const Plan& plan = open.experiment->plan;
    fmt::print("{}: {}\n", plan.name, counts_line(plan));
  }
  print_rows(rows, reader, {options.workspace});
  print_next(options, rows);
}

void print_json(const OpenPoints& open, const Rows& rows, PointReader& reader) {
  Value json = {{"schema_version", 1}};
  if (open.experiment) json = plan_json(open.experiment->plan);
  Value points = Value::array();
  for (const auto* row : rows) {
    Value point = Value::object();
    if (open.experiment) point = std::move(json["points"][row - open.points.data()]);
    point.update(point_json(*row, reader.figures(*row)));
    points.push_back(std::move(point));
  }
  json["points"] = std::move(points);
  fmt::print("{}\n", json_text(json, 2));
}

int points_status(const Options& options) {
  const Workspace workspace{options.workspace};
  const auto open = open_points(options);
  if (!open) return Exit::kSpec;
  const Rows rows = pointers(select(open->points, options.names, workspace));
  PointReader reader(workspace);
  reader.take_stored(open_store(workspace), rows);
  if (options.json) {
    print_json(*open, rows, reader);
  } else {
    print_points(options, *open, rows, reader);
  }
  return Exit::kDone;
}

/// An experiment of the workspace; finished points come from the index, others from folders.
struct Overview {
  ExperimentProgress known;
  size_t running = 0, queued = 0, stopped = 0, failed = 0, cancelled = 0;
  Rows points;  ///< started or queued, and not done
};

std::vector<Overview> overviews(const Store& store, const std::vector<PointView>& live) {
  std::vector<Overview> out;
  for (const ExperimentProgress& known : store.progress()) {
    Overview& one = out.emplace_back();
    one.known = known;
    for (const auto& point : live) {
      if (point.experiment != known.experiment) continue;
      one.points.push_back(&point);
      one.running += point.state == PointState::kRunning ? 1 : 0;
      one.queued += point.state == PointState::kQueued ? 1 : 0;
      one.stopped += point.state == PointState::kStopped && !point.is_cancelled() ? 1 : 0;
      one.failed += point.has_failed() ? 1 : 0;
      one.cancelled += point.is_cancelled() ? 1 : 0;
    }
  }
  return out;
}

std::vector<PointView> points_under_way(const Store& store, const Workspace& workspace) {
  std::vector<std::string> ids = store.undone();
  for (const auto& job : open_jobs(workspace)) {
    for (const auto& run : job.runs)
      ids.push_back(run.filename().string());
  }
  if (ids.empty()) return {};
  auto points = points_of(store.points_with(ids), workspace);
  std::erase_if(points, [](const PointView& point) { return point.state == PointState::kDone; });
  return points;
}

Value overview_json(const Overview& one, PointReader& reader) {
  Value points = Value::array();
  for (const auto* point : one.points)
    points.push_back(point_json(*point, reader.figures(*point)));
  return {{"experiment", one.known.experiment},
          {"points", one.known.points},
          {"done", one.known.done},
          {"started", one.known.started},
          {"failed", one.failed},
          {"cancelled", one.cancelled},
          {"running", one.running},
          {"queued", one.queued},
          {"stopped", one.stopped},
          {"under_way", points}};
}

// Without a file: every experiment of the workspace.
int workspace_status(const Options& options) {
  const Workspace workspace{options.workspace};
  refresh_jobs(workspace);
  const Store store = open_store(workspace);
  const auto live = points_under_way(store, workspace);
  const auto found = overviews(store, live);
  PointReader reader(workspace);
  if (options.json) {
    Value list = Value::array();
    for (const Overview& one : found)
      list.push_back(overview_json(one, reader));
    fmt::print("{}\n", json_text({{"schema_version", 1}, {"experiments", list}}, 2));
    return Exit::kDone;
  }
  if (found.empty()) {
    mention_other_workspace(options);
    fmt::print("no experiment has run in '{}'; next: xp run FILE{}\n", options.workspace.string(),
               workspace_words(options));
    return Exit::kDone;
  }
  std::vector<std::vector<std::string>> rows = {
      {"experiment", "points", "done", "running", "queued", "stopped", "failed", "cancelled"}};
  for (const Overview& one : found) {
    rows.push_back({one.known.experiment, std::to_string(one.known.points),
                    std::to_string(one.known.done), std::to_string(one.running),
                    std::to_string(one.queued), std::to_string(one.stopped),
                    std::to_string(one.failed), std::to_string(one.cancelled)});
  }
  fmt::print("{}", text_table(rows));
  if (!live.empty()) {
    Rows all;
    for (const auto& point : live)
      all.push_back(&point);
    fmt::print("\n");
    print_rows(all, reader, workspace);
    print_next(options, all);
  }
  fmt::print("next: xp status FILE{} shows the points of one\n", workspace_words(options));
  return Exit::kDone;
}

int show_status(const Options& options) {
  const bool is_overview = options.spec.empty() && options.names.empty();
  return is_overview ? workspace_status(options) : points_status(options);
}

XP_COMMAND(Options, show_status, "status", Group::kRuns,
           "show the progress of each point: what it is waiting for, or why it failed",
           "list ls ps runs");

}  // namespace
}  // namespace xp
