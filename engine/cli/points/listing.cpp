// What `plan` and `status` print.
#include "engine/cli/points/listing.h"

#include "engine/base/text.h"
#include "engine/cli/terminal/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace xp {
namespace {

constexpr size_t kMaxRows = 100;

std::string shown(const Point& point, const std::string& path) {
  const auto found = point.axes.find(path);
  if (found == point.axes.end()) return "-";
  return found->second.is_string() ? found->second.get<std::string>() : show(found->second);
}

// A figure of the model as a column of the plan's table.
struct FigureColumn {
  const char *figure, *title;
  bool is_bytes;
};
constexpr FigureColumn kColumns[] = {
    {"parameters", "parameters", false},     {"memory_bytes", "memory/rank", true},
    {"flops", "FLOP/step", false},           {"local_bytes", "on-rank/step", true},
    {"in_node_bytes", "in-node/step", true}, {"inter_node_bytes", "inter-node/step", true}};

void add_figures(const Point& point, const PointOutlook& ahead, std::vector<std::string>& row) {
  for (const auto& column : kColumns) {
    const auto& figures = point.assessment->figures;
    const auto found = figures.find(column.figure);
    if (found == figures.end()) {
      row.emplace_back("-");
    } else {
      row.push_back(column.is_bytes ? human_bytes(found->second) : human_count(found->second));
    }
  }
  const bool is_judged = ahead.seconds || ahead.evaluation_seconds;
  const double seconds = ahead.seconds.value_or(0) + ahead.evaluation_seconds.value_or(0);
  row.push_back(is_judged ? human_duration(seconds) : "-");
}

}  // namespace

std::string counts_line(const Plan& plan) {
  std::vector<std::string> parts;
  for (const PointState state : kPointStates) {
    const size_t count = plan.count(state);
    if (count > 0) parts.push_back(fmt::format("{} {}", count, state_name(state)));
  }
  std::string out = fmt::format("{} point{}: {}", plan.points.size(),
                                plan.points.size() == 1 ? "" : "s", join(parts, ", "));
  if (plan.merged > 0) out += fmt::format("; {} equal to another are merged", plan.merged);
  if (plan.excluded > 0) out += fmt::format("; {} excluded", plan.excluded);
  return out;
}

std::string points_table(const Plan& plan, const Outlook* outlook) {
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& path : plan.axes)
    rows[0].push_back(short_name(path, plan.axes));
  rows[0].emplace_back("state");
  if (outlook != nullptr) {
    for (const auto& column : kColumns)
      rows[0].emplace_back(column.title);
    rows[0].emplace_back("time");
  }
  rows[0].insert(rows[0].end(), {"training", "evaluation"});
  const size_t count = std::min(plan.points.size(), kMaxRows);
  for (size_t i = 0; i < count; ++i) {
    const Point& point = plan.points[i];
    auto& row = rows.emplace_back();
    for (const auto& path : plan.axes)
      row.push_back(shown(point, path));
    row.emplace_back(state_name(point.state));
    if (outlook != nullptr) add_figures(point, outlook->points[i], row);
    row.push_back(point.ids ? point.ids->training : "?");
    row.push_back(point.ids ? point.ids->evaluation : "?");
    if (!point.cause.empty()) row.push_back(point.cause);
    if (outlook != nullptr && !outlook->points[i].also_in.empty())
      row.push_back("also in " + join(outlook->points[i].also_in, ", "));
  }
  std::string out = text_table(rows);
  if (count < plan.points.size())
    out += fmt::format("... and {} more; --json has all\n", plan.points.size() - count);
  return out;
}

std::string steps_table(const Plan& plan, const std::vector<StepForecast>& forecast) {
  std::vector<std::vector<std::string>> rows(1);
  std::vector<std::string> axes;
  for (const auto& path : plan.axes)
    if (path != "train.seed") axes.push_back(path);
  for (const auto& path : axes)
    rows[0].push_back(short_name(path, plan.axes));
  rows[0].insert(rows[0].end(), {"step", "compute", "in-node", "inter-node", "exposed", "bound by",
                                 "global share", "pays down to"});
  const auto milliseconds = [](double ms) { return fmt::format("{:.0f} ms", ms); };
  std::set<std::vector<std::string>> seen;
  for (size_t i = 0; i < plan.points.size() && rows.size() <= kMaxRows; ++i) {
    const auto& parts = forecast[i].parts;
    if (!parts) continue;
    std::vector<std::string> row;
    for (const auto& path : axes)
      row.push_back(shown(plan.points[i], path));
    row.insert(row.end(), {milliseconds(forecast[i].step_ms.value_or(parts->step_ms())),
                           milliseconds(parts->compute_ms), milliseconds(parts->in_node_ms),
                           milliseconds(parts->inter_node_ms), milliseconds(parts->exposed_ms),
                           std::string(resource_name(parts->bound)),
                           parts->share ? fmt::format("{:.2f}", *parts->share) : "-",
                           parts->least_share ? fmt::format("{:.2f}", *parts->least_share) : "-"});
    if (seen.insert(row).second) rows.push_back(row);
  }
  return rows.size() == 1 ? "" : text_table(rows);
}

std::vector<std::string> step_notes(const Plan& plan, const Workspace& workspace,
                                    const std::vector<StepForecast>& forecast) {
  std::vector<std::string> out;
  std::map<std::string, size_t> beyond;  // sentence -> points
  std::set<std::string> disturbed;
  Probes probes(workspace);
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const auto& parts = forecast[i].parts;
    if (!parts) continue;
    const Probe* probe = probes.of(plan.points[i].settings());
    if (const auto note = distrust(*probe); !note.empty() && disturbed.insert(note).second)
      out.push_back(note);
    if (!parts->is_beyond()) continue;
    ++beyond[fmt::format(
        "more of each MoE layer in the node than pays: a global share of {:.2f} takes as long as "
        "one of {:.2f}, from which on the links between nodes are not the bound (gamma*)",
        *parts->share, *parts->least_share)];
  }
  for (const auto& [sentence, count] : beyond)
    out.push_back(fmt::format("{} point{} {}", count, count == 1 ? " keeps" : "s keep", sentence));
  return out;
}

}  // namespace xp
