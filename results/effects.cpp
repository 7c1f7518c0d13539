// Balanced marginal means and the residuals of their sum.
#include "results/effects.h"

#include "results/measure.h"
#include "results/report_cells.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace xp {
namespace {

constexpr size_t kMostLevels = 6;  // of a setting in an interaction; more are a plot, not a table

/// One run: the values of the settings of its row, and what it measured.
struct Observation {
  std::vector<Value> settings;
  int64_t seed = 0;
  double value = 0;
};

/// The values of a setting in the order of the points, and what else each run had.
using Levels = std::vector<Value>;

Levels levels_of(const Rows& rows, size_t key) {
  Levels out;
  for (const Row& row : rows.rows) {
    const Value& value = row.settings[key];
    if (!value.is_null() && std::find(out.begin(), out.end(), value) == out.end())
      out.push_back(value);
  }
  std::stable_sort(out.begin(), out.end(), [](const Value& a, const Value& b) {
    return a.is_number() && b.is_number() && a < b;
  });
  return out;
}

std::vector<Observation> observations(const Rows& rows, const Comparison& figures,
                                      const Measure& measure) {
  std::vector<Observation> out;
  for (const Row& row : rows.rows) {
    for (const auto& points : row.points) {
      const Sample sample = figures.sample(points, measure);
      for (size_t i = 0; i < sample.values.size(); ++i)
        out.push_back({row.settings, sample.seeds[i], sample.values[i]});
    }
  }
  return out;
}

/// Blocks of runs that are alike in all but the settings `keys`: for each, the value at every
/// combination of their levels, NaN where there was no run.
std::vector<std::vector<double>> blocks(const std::vector<Observation>& all,
                                        const std::vector<size_t>& keys,
                                        const std::vector<Levels>& levels) {
  size_t cells = 1;
  for (const size_t key : keys)
    cells *= levels[key].size();
  std::map<std::vector<Value>, std::vector<double>> found;
  for (const Observation& one : all) {
    std::vector<Value> rest = one.settings;
    rest.emplace_back(one.seed);
    size_t place = 0;
    bool known = true;
    for (const size_t key : keys) {
      const auto& of = levels[key];
      const auto at = std::find(of.begin(), of.end(), one.settings[key]);
      known &= at != of.end();
      place = place * of.size() + static_cast<size_t>(at - of.begin());
      rest[key] = nullptr;
    }
    if (!known) continue;
    auto& block = found[rest];
    block.resize(cells, std::numeric_limits<double>::quiet_NaN());
    block[place] = one.value;
  }
  std::vector<std::vector<double>> out;
  for (auto& [rest, block] : found) {
    const bool whole =
        std::none_of(block.begin(), block.end(), [](double v) { return std::isnan(v); });
    if (whole) out.push_back(std::move(block));
  }
  return out;
}

Cell text_cell(const std::string& text) {
  Cell out;
  out.text = text;
  return out;
}

Cell mean_cell(const std::vector<std::vector<double>>& all, size_t place) {
  std::vector<double> values;
  for (const auto& block : all)
    values.push_back(block[place]);
  const Moments of = moments(values);
  Cell out;
  out.is_number = of.count > 0;
  out.value = of.mean;
  out.spread = of.spread;
  out.count = static_cast<int64_t>(of.count);
  return out;
}

/// The rows of one table under construction.
struct Effects {
  const Rows& rows;
  std::vector<Levels> levels;
  std::vector<Measure> measures;
  std::vector<std::vector<Observation>> observed;  ///< by measure
  std::vector<std::vector<Cell>> table;            ///< settings, then cells by measure

  void add_main(size_t key);
  void add_interaction(size_t first, size_t second);
};

void Effects::add_main(size_t key) {
  const Levels& of = levels[key];
  const size_t begin = table.size();
  for (const Value& level : of)
    table.push_back({text_cell(rows.keys[key].name), text_cell(text_of(level))});
  for (size_t m = 0; m < measures.size(); ++m) {
    const auto all = blocks(observed[m], {key}, levels);
    std::vector<size_t> tested;
    std::vector<double> p;
    for (size_t level = 0; level < of.size(); ++level) {
      Cell cell = mean_cell(all, level);
      if (level > 0 && cell.is_number) {
        std::vector<double> differences;
        double base = 0;
        for (const auto& block : all) {
          differences.push_back(block[level] - block[0]);
          base += block[0] / static_cast<double>(all.size());
        }
        cell.has_difference = !measures[m].is_relative || base != 0;
        cell.difference = moments(differences).mean;
        if (measures[m].is_relative && base != 0) cell.difference /= std::abs(base);
        if (const auto found = paired_p(differences)) {
          tested.push_back(begin + level);
          p.push_back(*found);
        }
      }
      table[begin + level].push_back(cell);
    }
    const auto corrected = holm(p);
    for (size_t k = 0; k < tested.size(); ++k) {
      table[tested[k]].back().p = corrected[k];
      table[tested[k]].back().is_significant = corrected[k] < kSignificance;
    }
  }
}

void Effects::add_interaction(size_t first, size_t second) {
  const size_t a = levels[first].size(), b = levels[second].size();
  if (a < 2 || b < 2 || a > kMostLevels || b > kMostLevels) return;
  std::vector<std::vector<Cell>> added;
  for (const Value& left : levels[first]) {
    for (const Value& right : levels[second]) {
      added.push_back({text_cell(rows.keys[first].name + " × " + rows.keys[second].name),
                       text_cell(text_of(left) + " × " + text_of(right))});
    }
  }
  bool any = false;
  for (const auto& observations : observed) {
    const auto all = blocks(observations, {first, second}, levels);
    std::vector<double> mean(a * b), of_first(a), of_second(b);
    double whole = 0;
    for (size_t i = 0; i < a * b; ++i) {
      mean[i] = mean_cell(all, i).value;
      of_first[i / b] += mean[i] / static_cast<double>(b);
      of_second[i % b] += mean[i] / static_cast<double>(a);
      whole += mean[i] / static_cast<double>(a * b);
    }
    for (size_t i = 0; i < a * b; ++i) {
      Cell cell = mean_cell(all, i);
      cell.value = mean[i] - of_first[i / b] - of_second[i % b] + whole;
      cell.spread = 0;
      cell.count = cell.is_number ? 1 : 0;
      any |= cell.is_number;
      added[i].push_back(cell);
    }
  }
  if (any) table.insert(table.end(), added.begin(), added.end());
}

}  // namespace

Table effects_table(const ReportSection& section, const ReportInput& input) {
  const Rows rows = rows_of(section, input);
  const Comparison figures(section, input);
  Effects effects{rows, {}, {}, {}, {}};
  for (size_t key = 0; key < rows.keys.size(); ++key)
    effects.levels.push_back(levels_of(rows, key));
  for (const auto& metric : section.columns) {
    effects.measures.push_back(measure_of(metric));
    effects.observed.push_back(observations(rows, figures, effects.measures.back()));
  }
  for (size_t key = 0; key < rows.keys.size(); ++key) {
    if (effects.levels[key].size() > 1) effects.add_main(key);
  }
  for (size_t first = 0; first < rows.keys.size(); ++first) {
    for (size_t second = first + 1; second < rows.keys.size(); ++second)
      effects.add_interaction(first, second);
  }
  Table out;
  out.title = input.name + ": effects";
  out.baseline = "the first value of each setting";
  out.columns = {{.name = "setting", .unit = "", .key = "setting"},
                 {.name = "value", .unit = "", .key = "value"}};
  for (size_t m = 0; m < effects.measures.size(); ++m) {
    std::vector<double> values;
    for (const auto& row : effects.table) {
      const bool is_mean = row[2 + m].is_number && row[0].text.find(" × ") == std::string::npos;
      if (is_mean) values.push_back(row[2 + m].value);
    }
    out.columns.push_back(column_of(effects.measures[m], values));
  }
  for (auto& row : effects.table) {
    // A setting whose values were never measured alike has nothing to say.
    if (std::any_of(row.begin(), row.end(), [](const Cell& cell) { return cell.is_number; }))
      out.rows.push_back(std::move(row));
  }
  if (out.rows.empty()) {
    out.notes.emplace_back(
        "no setting has two values that were measured alike; nothing to compare");
  } else {
    out.notes.emplace_back(
        "mean ± standard deviation (runs) over all else that was measured at every value of the "
        "setting; × rows: what the two effects do not add up to");
  }
  return out;
}

}  // namespace xp
