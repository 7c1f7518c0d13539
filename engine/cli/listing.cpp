// What `plan` and `status` print.
#include "engine/cli/listing.h"

#include "engine/base/text.h"

#include <algorithm>

namespace xp {
namespace {

constexpr size_t kMostRows = 100;
constexpr PointState kAllStates[] = {PointState::kNew, PointState::kRunning, PointState::kDone,
                                     PointState::kFailed, PointState::kBlocked};

std::string shown(const Point& point, const std::string& path) {
  const auto found = point.axes.find(path);
  if (found == point.axes.end()) return "-";
  return found->second.is_string() ? found->second.get<std::string>() : show(found->second);
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - display_width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string counts_line(const Plan& plan) {
  std::vector<std::string> parts;
  for (const PointState state : kAllStates) {
    const size_t count = plan.count(state);
    if (count > 0) parts.push_back(fmt::format("{} {}", count, state_name(state)));
  }
  std::string out = fmt::format("{} point{}: {}", plan.points.size(),
                                plan.points.size() == 1 ? "" : "s", join(parts, ", "));
  if (plan.merged > 0) out += fmt::format("; {} equal to another are merged", plan.merged);
  if (plan.excluded > 0) out += fmt::format("; {} excluded", plan.excluded);
  return out;
}

std::string points_table(const Plan& plan) {
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& path : plan.axes)
    rows[0].push_back(short_name(path, plan.axes));
  rows[0].insert(rows[0].end(), {"state", "training", "evaluation"});
  const size_t count = std::min(plan.points.size(), kMostRows);
  for (size_t i = 0; i < count; ++i) {
    const Point& point = plan.points[i];
    auto& row = rows.emplace_back();
    for (const auto& path : plan.axes)
      row.push_back(shown(point, path));
    row.insert(row.end(),
               {std::string(state_name(point.state)), point.training_id, point.evaluation_id});
    if (!point.cause.empty()) row.push_back(point.cause);
  }
  std::string out = text_table(rows);
  if (count < plan.points.size())
    out += fmt::format("... and {} more; --json has all\n", plan.points.size() - count);
  return out;
}

Value plan_json(const Plan& plan) {
  Value counts = Value::object();
  for (const PointState state : kAllStates)
    counts[state_name(state)] = plan.count(state);
  Value points = Value::array();
  for (const auto& point : plan.points) {
    const Value* seed = find_path(point.settings(), "train.seed");
    points.push_back({{"name", point.name},
                      {"axes", point.axes},
                      {"seed", seed == nullptr ? Value(0) : *seed},
                      {"state", state_name(point.state)},
                      {"cause", point.cause.empty() ? Value() : Value(point.cause)},
                      {"corpus", point.corpus_id},
                      {"training", point.training_id},
                      {"evaluation", point.evaluation_id}});
  }
  return {
      {"schema", 1},      {"schema_version", 1},   {"experiment", plan.name},   {"axes", plan.axes},
      {"counts", counts}, {"merged", plan.merged}, {"excluded", plan.excluded}, {"points", points}};
}

}  // namespace xp
