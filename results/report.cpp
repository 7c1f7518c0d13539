// Grouping points into rows, averaging, comparing.
#include "results/report.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "results/measure.h"
#include "results/report_notes.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace xp {
namespace {

constexpr const char* kSeed = "train.seed";

/// One row before it is printed: the settings it stands for and its points, one list per value of
/// the pivot.
struct Row {
  std::vector<Value> settings;
  std::vector<std::vector<const ReportPoint*>> points;
  bool is_baseline = false;
};

/// A setting that makes rows: by its axis, or by a name that only the input's `setting` knows.
struct RowKey {
  std::string path, name;
  bool is_axis = true;
};

bool is_tail(const std::string& path, const std::string& name) {
  const auto ends = [&](std::string_view whole) {
    return whole == name || whole.ends_with("." + name);
  };
  return ends(path) || (path.ends_with(".use") && ends(path.substr(0, path.size() - 4)));
}

std::vector<std::string> axes_of(const std::vector<ReportPoint>& points) {
  std::vector<std::string> out;
  for (const auto& point : points) {
    for (const auto& [path, value] : point.axes) {
      if (std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

RowKey row_key(const std::string& name, const std::vector<std::string>& axes,
               const ReportInput& input, const char* where) {
  std::vector<std::string> found;
  for (const auto& axis : axes) {
    if (axis == name) return {axis, short_names(axes).at(axis), true};
    if (is_tail(axis, name)) found.push_back(axis);
  }
  if (found.size() == 1) return {found[0], name, true};
  if (found.size() > 1)
    user_error("'{}' in [report] {} is both '{}' and '{}'; write more of the path", name, where,
               found[0], found[1]);
  if (input.setting) return {name, name, false};
  std::vector<std::string> known;
  for (const auto& [axis, tail] : short_names(axes))
    known.push_back(tail);
  const std::string near = nearest(name, known);
  user_error("'{}' in [report] {} is no axis of [sweep]{}; axes: {}", name, where,
             near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
             known.empty() ? "none" : join(known, ", "));
}

// Without [report] rows: every axis but the seed, components before their settings.
std::vector<RowKey> row_keys(const ReportSection& section, const ReportInput& input,
                             const std::vector<std::string>& axes, const std::string& pivot) {
  std::vector<RowKey> out;
  for (const auto& name : section.rows)
    out.push_back(row_key(name, axes, input, "rows"));
  if (!section.rows.empty()) return out;
  const auto names = short_names(axes);
  for (const auto& axis : axes) {
    if (axis != kSeed && axis != pivot) out.push_back({axis, names.at(axis), true});
  }
  std::stable_partition(out.begin(), out.end(),
                        [](const RowKey& key) { return key.path.ends_with(".use"); });
  return out;
}

Value value_of(const ReportPoint& point, const RowKey& key, const ReportInput& input) {
  if (!key.is_axis) return input.setting(point, key.name);
  const auto found = point.axes.find(key.path);
  return found == point.axes.end() ? Value() : found->second;
}

std::vector<Row> grouped(const ReportInput& input, const std::vector<const ReportPoint*>& points,
                         const std::vector<RowKey>& keys, const std::string& pivot,
                         const std::vector<Value>& pivots) {
  std::vector<Row> out;
  for (const ReportPoint* point : points) {
    std::vector<Value> settings;
    for (const RowKey& key : keys)
      settings.push_back(value_of(*point, key, input));
    auto row = std::find_if(out.begin(), out.end(),
                            [&](const Row& other) { return other.settings == settings; });
    if (row == out.end()) {
      out.push_back({settings, std::vector<std::vector<const ReportPoint*>>(pivots.size()), false});
      row = out.end() - 1;
    }
    size_t at = 0;
    if (!pivot.empty()) {
      const Value value = value_of(*point, {pivot, pivot, true}, input);
      at = static_cast<size_t>(std::find(pivots.begin(), pivots.end(), value) - pivots.begin());
    }
    row->points[at].push_back(point);
    row->is_baseline |= input.is_baseline && input.is_baseline(*point);
  }
  return out;
}

const ReportRun& run_of(const ReportInput& input, const std::string& id) {
  static const ReportRun kNotRun;
  const auto found = input.runs.find(id);
  return found == input.runs.end() ? kNotRun : found->second;
}

std::optional<double> number_in(const ReportRun& run, const std::string& key) {
  const auto found = run.summary.find(key);
  if (found == run.summary.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

// Why a point has no value: the state of the stage that should have measured it, or of the one
// before.
std::string reason(const ReportInput& input, const ReportPoint& point, const Measure& measure) {
  const ReportRun& training = run_of(input, point.training);
  if (training.state != "done") return training.state;
  return measure.of_evaluation ? run_of(input, point.evaluation).state : "done";
}

// The worst of the states wins the cell.
std::string worse(const std::string& a, const std::string& b) {
  static const std::vector<std::string> kOrder = {"",        "done",    "not run", "stopped",
                                                  "running", "damaged", "failed"};
  const auto rank = [](const std::string& state) {
    return std::find(kOrder.begin(), kOrder.end(), state);
  };
  return rank(a) < rank(b) ? b : a;
}

Cell cell_of(const ReportInput& input, const std::vector<const ReportPoint*>& points,
             const Measure& measure) {
  std::map<std::string, double> values;  // by run: seeds that share a run count once
  std::string missing;
  for (const ReportPoint* point : points) {
    const std::string& id = measure.of_evaluation ? point->evaluation : point->training;
    const auto value = number_in(run_of(input, id), measure.key);
    if (value && std::isfinite(*value))
      values.emplace(id, *value);
    else
      missing = worse(missing, reason(input, *point, measure));
  }
  Cell out;
  if (values.empty()) {
    out.text = missing == "done" ? "" : missing;  // a finished run that does not know this metric
    return out;
  }
  out.is_number = true;
  out.count = static_cast<int64_t>(values.size());
  const auto n = static_cast<double>(values.size());
  for (const auto& [id, value] : values)
    out.value += value / n;
  for (const auto& [id, value] : values)
    out.spread += (value - out.value) * (value - out.value);
  out.spread = n < 2 ? 0 : std::sqrt(out.spread / (n - 1));
  return out;
}

size_t likeness(const Row& a, const Row& b) {
  size_t same = 0;
  for (size_t i = 0; i < a.settings.size(); ++i)
    same += a.settings[i] == b.settings[i] ? 1 : 0;
  return same;
}

// The baseline that differs from `rows[at]` in the fewest settings; nothing for a baseline itself.
std::optional<size_t> baseline_of(const std::vector<Row>& rows, size_t at) {
  std::optional<size_t> out;
  if (rows[at].is_baseline) return out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_baseline) continue;
    if (!out || likeness(rows[i], rows[at]) > likeness(rows[*out], rows[at])) out = i;
  }
  return out;
}

void add_differences(const std::vector<Row>& rows, std::vector<Cell>& cells, bool is_relative) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto base = baseline_of(rows, i);
    if (!base || !cells[i].is_number || !cells[*base].is_number) continue;
    const double reference = cells[*base].value;
    if (is_relative && reference == 0) continue;
    cells[i].has_difference = true;
    cells[i].difference = cells[i].value - reference;
    if (is_relative) cells[i].difference /= std::abs(reference);
  }
}

// Marks the best cells; where all are equal there is nothing to mark.
void mark_best(std::vector<Cell>& cells, Better better) {
  const Cell *best = nullptr, *worst = nullptr;
  if (better == Better::kNeither) return;
  for (const Cell& cell : cells) {
    if (!cell.is_number) continue;
    const auto beats = [&](const Cell* other) {
      return better == Better::kMore ? cell.value > other->value : cell.value < other->value;
    };
    if (best == nullptr || beats(best)) best = &cell;
    if (worst == nullptr || !beats(worst)) worst = &cell;
  }
  if (best == nullptr || best->value == worst->value) return;
  const double value = best->value;
  for (Cell& cell : cells)
    cell.is_best = cell.is_number && cell.value == value;
}

/// A table by columns, which is how it is computed.
struct Draft {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> cells;  ///< [column][row]
};

std::string text_of(const Value& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : show(value);
}

void add_settings(Draft& draft, const std::vector<RowKey>& keys, const std::vector<Row>& rows) {
  for (size_t k = 0; k < keys.size(); ++k) {
    Column column{.name = keys[k].name, .unit = "", .is_number = true, .key = keys[k].name};
    std::vector<Cell> cells;
    for (const Row& row : rows) {
      Cell cell;
      cell.text = text_of(row.settings[k]);
      cells.push_back(cell);
      if (!row.settings[k].is_null()) column.is_number &= row.settings[k].is_number();
    }
    draft.columns.push_back(std::move(column));
    draft.cells.push_back(std::move(cells));
  }
}

void add_metric(Draft& draft, const ReportInput& input, const std::vector<Row>& rows,
                const Measure& measure, std::pair<size_t, std::string> pivot) {
  std::vector<Cell> cells;
  std::vector<double> values;
  for (const Row& row : rows) {
    cells.push_back(cell_of(input, row.points[pivot.first], measure));
    if (cells.back().is_number) values.push_back(cells.back().value);
  }
  Column column = column_of(measure, values);
  if (!pivot.second.empty()) {
    column.name += " " + pivot.second;
    column.key += "[" + pivot.second + "]";
  }
  add_differences(rows, cells, measure.is_relative);
  mark_best(cells, measure.better);
  draft.columns.push_back(std::move(column));
  draft.cells.push_back(std::move(cells));
}

// Numbers before texts, missing ones last whichever way it sorts.
bool before(const Cell& a, const Cell& b, bool downwards) {
  const auto kind = [](const Cell& cell) { return cell.is_number ? 0 : cell.text.empty() ? 2 : 1; };
  if (kind(a) != kind(b)) return kind(a) < kind(b);
  if (kind(a) == 2) return false;
  if (kind(a) == 0) return downwards ? a.value > b.value : a.value < b.value;
  return downwards ? a.text > b.text : a.text < b.text;
}

std::vector<size_t> row_order(const ReportSection& section, const Draft& draft, size_t rows) {
  std::vector<size_t> out(rows);
  for (size_t i = 0; i < rows; ++i)
    out[i] = i;
  if (section.sort.empty()) return out;
  const bool downwards = section.sort.starts_with('-');
  const std::string name = section.sort.substr(downwards ? 1 : 0);
  std::vector<std::string> known;
  for (size_t c = 0; c < draft.columns.size(); ++c) {
    known.push_back(draft.columns[c].key);
    if (known.back() != name) continue;
    std::stable_sort(out.begin(), out.end(), [&](size_t a, size_t b) {
      return before(draft.cells[c][a], draft.cells[c][b], downwards);
    });
    return out;
  }
  const std::string near = nearest(name, known);
  user_error("'{}' in [report] sort is no column of the report{}; columns: {}", name,
             near.empty() ? "" : fmt::format(", did you mean '{}'?", near), join(known, ", "));
}

// The values of the pivot in the order of the points; one null where there is no pivot.
std::vector<Value> pivot_values(const std::vector<const ReportPoint*>& points, const RowKey& key,
                                const ReportInput& input) {
  if (key.path.empty()) return {Value()};
  if (!key.is_axis) user_error("'{}' in [report] pivot is no axis of [sweep]", key.name);
  std::vector<Value> out;
  for (const ReportPoint* point : points) {
    const Value value = value_of(*point, key, input);
    if (std::find(out.begin(), out.end(), value) == out.end()) out.push_back(value);
  }
  return out;
}

// "exchange dense" or, where several rows are baselines, all of them.
std::string baseline_name(const std::vector<RowKey>& keys, const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (!row.is_baseline) continue;
    std::vector<std::string> words;
    for (size_t k = 0; k < keys.size(); ++k) {
      if (row.settings[k].is_null()) continue;
      words.push_back(keys[k].name + " " + text_of(row.settings[k]));
    }
    names.push_back(words.empty() ? "the first row" : join(words, ", "));
  }
  return join(names, " or ");
}

}  // namespace

Table make_report(const ReportSection& section, const ReportInput& input) {
  const auto axes = axes_of(input.points);
  std::vector<const ReportPoint*> points;
  for (const auto& point : input.points) {
    if (!input.where || input.where(point)) points.push_back(&point);
  }
  RowKey pivot;
  if (!section.pivot.empty()) pivot = row_key(section.pivot, axes, input, "pivot");
  const auto pivots = pivot_values(points, pivot, input);
  const auto keys = row_keys(section, input, axes, pivot.path);
  const auto rows = grouped(input, points, keys, pivot.path, pivots);

  Draft draft;
  add_settings(draft, keys, rows);
  for (const std::string& metric : section.columns) {
    for (size_t p = 0; p < pivots.size(); ++p)
      add_metric(draft, input, rows, measure_of(metric), {p, text_of(pivots[p])});
  }
  Table out;
  out.title = input.name;
  if (!input.description.empty()) out.title += ": " + input.description;
  out.baseline = baseline_name(keys, rows);
  for (const size_t row : row_order(section, draft, rows.size())) {
    out.rows.emplace_back();
    for (const auto& cells : draft.cells)
      out.rows.back().push_back(cells[row]);
  }
  out.columns = std::move(draft.columns);
  out.notes = report_notes(section, input, points, out);
  return out;
}

}  // namespace xp
