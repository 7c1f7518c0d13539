// Balanced marginal means and the residuals of their sum.
#include "results/report/effects.h"

#include "engine/base/text.h"
#include "results/report/measures.h"
#include "results/report/report_cells.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>

namespace xp {
namespace {

constexpr size_t kMaxInTable = 6;  // of a setting in an interaction; more are a plot, not a table

/// One run: the values of the settings of its row, and what it measured.
struct Observation {
  std::vector<Value> settings;
  int64_t seed = 0;
  double value = 0;
};

/// The values of a setting in the order of the points, and what else each run had.
using Levels = std::vector<Value>;

Levels levels_of(const ReportRows& rows, size_t key) {
  Levels out;
  for (const ReportRow& row : rows.rows) {
    const Value& value = row.settings[key];
    if (!value.is_null() && std::find(out.begin(), out.end(), value) == out.end())
      out.push_back(value);
  }
  std::stable_sort(out.begin(), out.end(), [](const Value& a, const Value& b) {
    return a.is_number() && b.is_number() && a < b;
  });
  return out;
}

std::vector<Observation> observations(const ReportRows& rows, Comparison& figures,
                                      const Measure& measure) {
  std::vector<Observation> out;
  for (const ReportRow& row : rows.rows) {
    for (const auto& points : row.points) {
      const Sample sample = figures.sample(points, measure);
      if (!sample.is_comparable()) continue;
      for (size_t i = 0; i < sample.values.size(); ++i)
        out.push_back({row.settings, sample.seeds[i], sample.values[i]});
    }
  }
  return out;
}

/// Blocks of runs that are alike in all but the settings `keys`: for each, the value at every
/// combination of their levels, NaN if there was no run.
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
  const ReportRows& rows;
  std::vector<Levels> levels;
  std::vector<Measure> measures;
  std::vector<std::vector<Observation>> observed;  ///< by measure
  std::vector<std::vector<Cell>> table;            ///< settings, then cells by measure
  std::vector<std::string> left_out;               ///< "alpha 4 of 14 runs": without a counterpart
  std::vector<std::string> too_many;  ///< "alpha × beta": more than kMaxInTable values

  void add_main(size_t key);
  void add_interaction(size_t first, size_t second);

 private:
  // "alpha x beta"
  std::string name_of(const std::vector<size_t>& keys) const;
  // Notes how many runs have the settings `keys`, and are in none of `all` blocks.
  void note_left_out(const std::vector<size_t>& keys, const std::vector<Observation>& runs,
                     const std::vector<std::vector<double>>& all);
  // Rows that begin with `heads`, one per combination of the levels of `keys`.
  void add(std::vector<std::vector<Cell>> heads, const std::vector<size_t>& keys);
};

/// Cells of one column that were tested, and the p of each.
struct Family {
  std::vector<Cell*> tested;
  std::vector<double> p;

  void add(Cell& cell, std::span<const double> differences) {
    const auto found = paired_p(differences);
    if (!found) return;
    tested.push_back(&cell);
    p.push_back(*found);
  }
  void correct() const {
    const auto corrected = holm(p);
    for (size_t k = 0; k < tested.size(); ++k) {
      tested[k]->p = corrected[k];
      tested[k]->is_significant = corrected[k] < kSignificance;
    }
  }
};

// A column of cells whose differences are those of each block to its `bases`, tested as pairs.
std::vector<Cell> compared(const std::vector<std::vector<double>>& all,
                           const std::vector<std::vector<double>>& bases, const Measure& measure,
                           size_t first) {
  const size_t count = all.empty() ? 0 : all[0].size();
  std::vector<Cell> out;
  for (size_t place = 0; place < count; ++place)
    out.push_back(mean_cell(all, place));
  Family family;
  for (size_t place = first; place < count; ++place) {
    const double base = mean_cell(bases, place).value;
    if (measure.is_relative && base == 0) continue;
    std::vector<double> differences;
    for (size_t block = 0; block < all.size(); ++block)
      differences.push_back(all[block][place] - bases[block][place]);
    out[place].has_difference = true;
    out[place].difference = moments(differences).mean / (measure.is_relative ? std::abs(base) : 1);
    family.add(out[place], differences);
  }
  family.correct();
  return out;
}

// What each cell of a block of `across` columns would be if its row and its column did not know of
// each other.
std::vector<double> added_up(const std::vector<double>& block, size_t across) {
  const size_t down = block.size() / across;
  std::vector<double> rows(down), columns(across), out(block.size());
  double whole = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    rows[i / across] += block[i] / static_cast<double>(across);
    columns[i % across] += block[i] / static_cast<double>(down);
    whole += block[i] / static_cast<double>(block.size());
  }
  for (size_t i = 0; i < block.size(); ++i)
    out[i] = rows[i / across] + columns[i % across] - whole;
  return out;
}

std::string Effects::name_of(const std::vector<size_t>& keys) const {
  std::vector<std::string> names;
  for (const size_t key : keys)
    names.push_back(rows.keys[key].name);
  return join(names, " × ");
}

void Effects::note_left_out(const std::vector<size_t>& keys, const std::vector<Observation>& runs,
                            const std::vector<std::vector<double>>& all) {
  const auto has_keys = [&](const Observation& one) {
    return std::none_of(keys.begin(), keys.end(),
                        [&](size_t key) { return one.settings[key].is_null(); });
  };
  const auto count = static_cast<size_t>(std::count_if(runs.begin(), runs.end(), has_keys));
  const size_t used = all.empty() ? 0 : all.size() * all.front().size();
  if (count > used)
    left_out.push_back(fmt::format("{} {} of {} runs", name_of(keys), count - used, count));
}

void Effects::add(std::vector<std::vector<Cell>> heads, const std::vector<size_t>& keys) {
  for (size_t m = 0; m < measures.size(); ++m) {
    const auto all = blocks(observed[m], keys, levels);
    if (m == 0) note_left_out(keys, observed[m], all);
    std::vector<std::vector<double>> bases;
    for (const auto& block : all) {
      bases.push_back(keys.size() == 1 ? std::vector<double>(block.size(), block[0])
                                       : added_up(block, levels[keys[1]].size()));
    }
    auto cells = compared(all, bases, measures[m], keys.size() == 1 ? 1 : 0);
    cells.resize(heads.size());
    for (size_t i = 0; i < heads.size(); ++i)
      heads[i].push_back(std::move(cells[i]));
  }
  for (auto& row : heads) {
    // A setting whose values were never measured alike has nothing to say.
    if (std::any_of(row.begin(), row.end(), [](const Cell& cell) { return cell.is_number; }))
      table.push_back(std::move(row));
  }
}

void Effects::add_main(size_t key) {
  std::vector<std::vector<Cell>> heads;
  for (const Value& level : levels[key])
    heads.push_back({text_cell(rows.keys[key].name), text_cell(text_of(level))});
  add(std::move(heads), {key});
}

void Effects::add_interaction(size_t first, size_t second) {
  const size_t a = levels[first].size(), b = levels[second].size();
  if (a < 2 || b < 2) return;
  if (a > kMaxInTable || b > kMaxInTable) {
    too_many.push_back(name_of({first, second}));
    return;
  }
  std::vector<std::vector<Cell>> heads;
  for (const Value& left : levels[first]) {
    for (const Value& right : levels[second]) {
      heads.push_back({text_cell(rows.keys[first].name + " × " + rows.keys[second].name),
                       text_cell(text_of(left) + " × " + text_of(right))});
    }
  }
  add(std::move(heads), {first, second});
}

}  // namespace

Table effects_table(const ReportSection& section, const ReportInput& input) {
  const ReportRows rows = rows_of(section, input);
  Comparison figures(section, input);
  Effects effects{rows, {}, {}, {}, {}, {}, {}};
  for (size_t key = 0; key < rows.keys.size(); ++key)
    effects.levels.push_back(levels_of(rows, key));
  for (const auto& metric : section.columns) {
    effects.measures.push_back(input.measures.of(metric));
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
      if (row[2 + m].is_number) values.push_back(row[2 + m].value);
    }
    out.columns.push_back(column_of(effects.measures[m], values));
  }
  out.rows = std::move(effects.table);
  if (out.rows.empty()) {
    out.notes.emplace_back(
        "no setting has two values that were measured alike; nothing to compare");
  } else {
    out.notes.emplace_back(
        "mean ± standard deviation (runs) over all else that was measured at every value of the "
        "setting; differences in × rows are to what the two effects add up to");
  }
  if (!effects.left_out.empty()) {
    out.notes.push_back(fmt::format(
        "left out, since no run that is otherwise alike was measured at every other value: {}",
        join(effects.left_out, ", ")));
  }
  if (!effects.too_many.empty()) {
    out.notes.push_back(fmt::format("left out, with more than {} values: {}", kMaxInTable,
                                    join(effects.too_many, ", ")));
  }
  return out;
}

}  // namespace xp
