// Grouping points.
#include "results/report/report_rows.h"

#include "engine/base/error.h"
#include "engine/base/key_tail.h"
#include "engine/base/text.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

constexpr const char* kSeed = "train.seed";
constexpr const char* kLayout[] = {"launch.nodes", "launch.ranks_per_node"};

bool is_layout(const std::string& path) {
  return std::find(std::begin(kLayout), std::end(kLayout), path) != std::end(kLayout);
}

RowKey row_key(const std::string& name, const std::vector<std::string>& axes,
               const ReportInput& input, const char* where) {
  std::vector<std::string> found;
  for (const auto& axis : axes) {
    if (axis == name) return {axis, short_names(axes).at(axis), true};
    if (has_tail(axis, name)) found.push_back(axis);
  }
  if (found.size() == 1) return {found[0], name, true};
  if (found.size() > 1)
    user_error("'{}' in [report] {} is both '{}' and '{}'; write more of the path", name, where,
               found[0], found[1]);
  if (input.setting) return {name, short_name(name, axes), false};
  std::vector<std::string> known;
  for (const auto& [axis, tail] : short_names(axes))
    known.push_back(tail);
  const std::string near = nearest(name, known);
  user_error("'{}' in [report] {} is not an axis of [sweep]{}; axes: {}", name, where,
             near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
             known.empty() ? "none" : join(known, ", "));
}

// Without [report] rows: every axis but the seed, components before their settings.
std::vector<RowKey> row_keys(const ReportSection& section, const ReportInput& input,
                             const std::vector<std::string>& axes, const std::string& pivot) {
  std::vector<RowKey> out;
  for (const auto& name : section.rows) {
    RowKey key = row_key(name, axes, input, "rows");
    // Its values are columns.
    if (key.path != pivot) out.push_back(std::move(key));
  }
  if (!section.rows.empty()) return out;
  const auto names = short_names(axes);
  const bool pooled = pools_layout(section);
  for (const auto& axis : axes) {
    if (axis == kSeed || axis == pivot || (pooled && is_layout(axis))) continue;
    out.push_back({axis, names.at(axis), true});
  }
  std::stable_partition(out.begin(), out.end(),
                        [](const RowKey& key) { return key.path.ends_with(".use"); });
  return out;
}

Value value_of(const ReportPoint& point, const RowKey& key, const ReportInput& input) {
  if (!key.is_axis) return input.setting(point, key.path);
  const auto found = point.axes.find(key.path);
  return found == point.axes.end() ? Value() : found->second;
}

// The values of the pivot in the order of the points; a single null if there is no pivot.
std::vector<Value> pivot_values(const std::vector<const ReportPoint*>& points, const RowKey& key,
                                const ReportInput& input) {
  if (key.path.empty()) return {Value()};
  if (!key.is_axis) user_error("'{}' in [report] pivot is not an axis of [sweep]", key.name);
  std::vector<Value> out;
  for (const ReportPoint* point : points) {
    const Value value = value_of(*point, key, input);
    if (std::find(out.begin(), out.end(), value) == out.end()) out.push_back(value);
  }
  return out;
}

void group(const ReportInput& input, const RowKey& pivot, ReportRows& out) {
  std::map<std::vector<Value>, size_t> places;
  for (const ReportPoint* point : out.points) {
    std::vector<Value> settings;
    for (const RowKey& key : out.keys)
      settings.push_back(value_of(*point, key, input));
    const auto [place, is_new] = places.emplace(settings, out.rows.size());
    if (is_new) {
      out.rows.push_back({std::move(settings), {}, false});
      out.rows.back().points.resize(out.pivots.size());
    }
    ReportRow& row = out.rows[place->second];
    size_t at = 0;
    if (!pivot.path.empty()) {
      const Value value = value_of(*point, pivot, input);
      at = static_cast<size_t>(std::find(out.pivots.begin(), out.pivots.end(), value) -
                               out.pivots.begin());
    }
    row.points[at].push_back(point);
    row.is_baseline |= input.is_baseline && input.is_baseline(*point);
  }
}

// Without [report] rows, leave out settings that are the same in every row.
void leave_out_constants(ReportRows& out) {
  if (out.rows.size() < 2) return;
  for (size_t k = out.keys.size(); k-- > 0;) {
    const auto same = [&](const ReportRow& row) {
      return row.settings[k] == out.rows[0].settings[k];
    };
    if (!std::all_of(out.rows.begin(), out.rows.end(), same)) continue;
    out.keys.erase(out.keys.begin() + static_cast<std::ptrdiff_t>(k));
    for (ReportRow& row : out.rows)
      row.settings.erase(row.settings.begin() + static_cast<std::ptrdiff_t>(k));
  }
}

// An axis is averaged over if it has several values within one cell.
std::vector<std::string> averaged_axes(const std::vector<std::string>& axes,
                                       const ReportRows& rows) {
  std::vector<std::string> out;
  const auto varies = [](const std::string& axis, const std::vector<const ReportPoint*>& points) {
    const auto at = [&](const ReportPoint* point) {
      const auto found = point->axes.find(axis);
      return found == point->axes.end() ? Value() : found->second;
    };
    return std::any_of(points.begin(), points.end(),
                       [&](const ReportPoint* point) { return at(point) != at(points[0]); });
  };
  for (const auto& axis : axes) {
    if (axis == kSeed) continue;
    const bool found = std::any_of(rows.rows.begin(), rows.rows.end(), [&](const ReportRow& row) {
      return std::any_of(row.points.begin(), row.points.end(),
                         [&](const auto& points) { return varies(axis, points); });
    });
    if (found) out.push_back(axis);
  }
  return out;
}

std::vector<std::string> known_ids(const ReportRow& row, std::string RunIds::*id) {
  std::vector<std::string> out;
  for (const ReportPoint* point : points_of(row)) {
    if (!point->ids) continue;
    const std::string& one = (*point->ids).*id;
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
  return out;
}

size_t likeness(const ReportRow& a, const ReportRow& b) {
  size_t same = 0;
  for (size_t i = 0; i < a.settings.size(); ++i)
    same += a.settings[i] == b.settings[i] ? 1 : 0;
  return same;
}

}  // namespace

std::vector<const ReportPoint*> points_of(const ReportRow& row) {
  std::vector<const ReportPoint*> out;
  for (const auto& some : row.points)
    out.insert(out.end(), some.begin(), some.end());
  return out;
}

std::vector<std::string> trainings_of(const ReportRow& row) {
  return known_ids(row, &RunIds::training);
}

std::vector<std::string> evaluations_of(const ReportRow& row) {
  return known_ids(row, &RunIds::evaluation);
}

std::vector<std::string> axes_of(const std::vector<ReportPoint>& points) {
  std::set<std::string> out;
  for (const auto& point : points) {
    for (const auto& [path, value] : point.axes)
      out.insert(path);
  }
  return {out.begin(), out.end()};
}

bool pools_layout(const ReportSection& section) {
  for (const auto& word : section.pool) {
    if (word != "layout") {
      user_error("'{}' in [report] pool is nothing that can be pooled; known: layout", word);
    }
  }
  return !section.pool.empty();
}

ReportRows rows_of(const ReportSection& section, const ReportInput& input) {
  ReportRows out;
  const auto axes = axes_of(input.points);
  for (const auto& point : input.points) {
    if (!input.where || input.where(point)) out.points.push_back(&point);
  }
  RowKey pivot;
  if (!section.pivot.empty()) pivot = row_key(section.pivot, axes, input, "pivot");
  out.pivots = pivot_values(out.points, pivot, input);
  out.keys = row_keys(section, input, axes, pivot.path);
  group(input, pivot, out);
  if (section.rows.empty()) leave_out_constants(out);
  out.averaged = averaged_axes(axes, out);
  return out;
}

std::optional<size_t> baseline_of(const std::vector<ReportRow>& rows, size_t at) {
  std::optional<size_t> out;
  if (rows[at].is_baseline) return out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_baseline) continue;
    if (!out || likeness(rows[i], rows[at]) > likeness(rows[*out], rows[at])) out = i;
  }
  return out;
}

std::string baseline_name(const ReportRows& rows) {
  std::vector<const ReportRow*> baselines;
  for (const ReportRow& row : rows.rows) {
    if (row.is_baseline) baselines.push_back(&row);
  }
  if (baselines.empty()) return "";
  // Of many rows only what they have in common.
  std::vector<std::string> words;
  for (size_t k = 0; k < rows.keys.size(); ++k) {
    const Value& value = baselines[0]->settings[k];
    const bool is_shared =
        std::all_of(baselines.begin(), baselines.end(),
                    [&](const ReportRow* row) { return row->settings[k] == value; });
    if (is_shared && !value.is_null()) words.push_back(rows.keys[k].name + " " + text_of(value));
  }
  if (baselines.size() == 1) return words.empty() ? "the first row" : join(words, ", ");
  if (words.empty()) return fmt::format("the most similar of {} rows", baselines.size());
  return "the most similar row of " + join(words, ", ");
}

std::string row_name(const ReportRows& rows, size_t at) {
  std::vector<std::string> words;
  for (const Value& value : rows.rows[at].settings) {
    if (!value.is_null()) words.push_back(text_of(value));
  }
  return join(words, " ");
}

std::string full_row_name(const ReportRows& rows, size_t at) {
  std::vector<std::string> words;
  for (size_t k = 0; k < rows.keys.size(); ++k) {
    const Value& value = rows.rows[at].settings[k];
    if (!value.is_null()) words.push_back(rows.keys[k].name + " " + text_of(value));
  }
  return words.empty() ? "the run" : join(words, ", ");
}

std::string text_of(const Value& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : show(value);
}

}  // namespace xp
