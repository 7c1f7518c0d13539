// Columns of cells to a table.
#include "results/report/report.h"

#include "engine/base/error.h"
#include "engine/base/key_tail.h"
#include "engine/base/text.h"
#include "results/report/budget.h"
#include "results/report/measures.h"
#include "results/report/report_cells.h"
#include "results/report/report_notes.h"

#include <algorithm>

namespace xp {
namespace {

/// A table by columns, which is how it is computed.
struct Draft {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> cells;  ///< [column][row]
};

void add_settings(Draft& draft, const ReportRows& rows) {
  for (size_t k = 0; k < rows.keys.size(); ++k) {
    const std::string& name = rows.keys[k].name;
    Column column{.name = name, .unit = "", .is_number = true, .key = name};
    std::vector<Cell> cells;
    for (const ReportRow& row : rows.rows) {
      Cell cell;
      cell.text = text_of(row.settings[k]);
      cells.push_back(cell);
      if (!row.settings[k].is_null()) column.is_number &= row.settings[k].is_number();
    }
    draft.columns.push_back(std::move(column));
    draft.cells.push_back(std::move(cells));
  }
}

void add_metric(Draft& draft, Comparison& figures, const ReportRows& rows, const Measure& measure,
                size_t pivot) {
  std::vector<Sample> samples;
  for (const ReportRow& row : rows.rows)
    samples.push_back(figures.sample(row.points[pivot], measure));
  auto cells = figures.cells(samples, rows.rows, measure);
  std::vector<double> values;
  for (const Cell& cell : cells) {
    if (cell.is_number) values.push_back(cell.value);
  }
  Column column = column_of(measure, values);
  if (const std::string name = text_of(rows.pivots[pivot]); !name.empty()) {
    column.name += " " + name;
    column.key += "[" + name + "]";
  }
  draft.columns.push_back(std::move(column));
  draft.cells.push_back(std::move(cells));
}

// At an equal budget only what has a series can be shown.
std::vector<std::string> shown_metrics(const ReportSection& section, const ReportInput& input,
                                       std::vector<std::string>& without_series) {
  if (!input.at) return section.columns;
  std::vector<std::string> out;
  for (const auto& metric : section.columns) {
    const std::string name = series_name(input.measures.of(metric));
    const bool known =
        std::any_of(input.points.begin(), input.points.end(), [&](const ReportPoint& point) {
          return point.ids && !input.series(point.ids->training, name).empty();
        });
    (known ? out : without_series).push_back(known ? name : metric);
  }
  return out;
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
  user_error("'{}' in [report] sort is not a column of the report{}; columns: {}", name,
             near.empty() ? "" : fmt::format(", did you mean '{}'?", near), join(known, ", "));
}

}  // namespace

Table make_report(const ReportSection& section, const ReportInput& input) {
  const ReportRows rows = rows_of(section, input);
  Comparison figures(section, input);
  Draft draft;
  add_settings(draft, rows);
  std::vector<std::string> without_series;
  for (const std::string& metric : shown_metrics(section, input, without_series)) {
    for (size_t pivot = 0; pivot < rows.pivots.size(); ++pivot)
      add_metric(draft, figures, rows, input.measures.of(metric), pivot);
  }
  Table out;
  out.title = input.name;
  if (!input.description.empty()) out.title += ": " + input.description;
  if (input.at) out.title += fmt::format(" (at {})", input.at->text);
  out.baseline = baseline_name(rows);
  for (const size_t row : row_order(section, draft, rows.rows.size())) {
    out.rows.emplace_back();
    for (const auto& cells : draft.cells)
      out.rows.back().push_back(cells[row]);
    out.row_names.push_back(full_row_name(rows, row));
  }
  out.columns = std::move(draft.columns);
  const NotedReport noted{section, input, rows, figures, out, without_series};
  out.notes = report_notes(noted);
  out.hints = report_hints(noted);
  return out;
}

std::map<std::string, std::string> short_names(const std::vector<std::string>& axes) {
  std::map<std::string, std::string> out;
  for (const auto& axis : axes)
    out[axis] = short_name(axis, axes);
  return out;
}

}  // namespace xp
