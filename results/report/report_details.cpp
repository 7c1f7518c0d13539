// Curves, trade-offs, bars, maps and facts.
#include "results/report/report_details.h"

#include "engine/base/text.h"
#include "results/report/corpus_cards.h"
#include "results/report/pareto.h"
#include "results/report/report_cells.h"
#include "results/report/router_maps.h"
#include "results/report/run_cards.h"
#include "results/report/sentence_set.h"
#include "results/report/step_times.h"
#include "results/store/store.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace xp {
namespace {

constexpr size_t kMaxCurves = 12, kMaxMaps = 4, kMaxLevels = 24, kMaxBars = 40, kMaxTranslated = 6;

std::string with_unit(const Measure& measure) {
  const bool says_all = measure.unit.empty() || measure.unit == measure.label;
  return says_all ? measure.label : measure.label + " " + measure.unit;
}

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

using SeriesOf = std::function<Series(const std::string& training)>;

// Mean and limits over the trainings of a row at every update that all of them measured.
std::vector<CurvePoint> curve_points(const ReportRow& row, const SeriesOf& series_of) {
  std::map<int64_t, std::vector<double>> values;
  size_t count = 0;
  for (const auto& training : trainings_of(row)) {
    const Series series = series_of(training);
    count += series.empty() ? 0 : 1;
    for (const auto& [update, value] : series) {
      if (std::isfinite(value)) values[update].push_back(value);
    }
  }
  std::vector<CurvePoint> out;
  for (const auto& [update, all] : values) {
    if (all.size() != count) continue;
    const auto [low, high] = std::minmax_element(all.begin(), all.end());
    out.push_back({static_cast<double>(update), moments(all).mean, *low, *high});
  }
  return out;
}

Chart chart_of(const std::string& title, const std::string& y, const ReportRows& rows,
               const SeriesOf& series_of) {
  Chart out{title, "updates", y, {}};
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    // The first lines are drawn and the rest only counted, so that 10,000 runs need no reading.
    Curve curve{full_row_name(rows, row), {}, row};
    if (row < kMaxCurves) {
      curve.points = curve_points(rows.rows[row], series_of);
      if (curve.points.size() < 2) continue;
    }
    out.curves.push_back(std::move(curve));
  }
  const bool is_empty = std::all_of(out.curves.begin(), out.curves.end(),
                                    [](const Curve& curve) { return curve.points.empty(); });
  if (is_empty) out.curves.clear();
  return out;
}

// Validated scores first, then losses, then what routers did.
void add_charts(const ReportSection& section, const ReportInput& input, const ReportRows& rows,
                const Store& store, Details& out) {
  const auto add = [&](Chart chart) {
    if (!chart.curves.empty()) out.charts.push_back(std::move(chart));
  };
  const auto add_series = [&](const std::string& key, const std::string& title) {
    add(chart_of(title, with_unit(input.measures.of(key)), rows,
                 [&](const std::string& training) { return input.series(training, key); }));
  };
  std::vector<std::string> scores;
  for (const auto& column : section.columns) {
    const Measure measure = input.measures.of(column);
    if (measure.of_evaluation && !measure.is_relative) scores.push_back(column);
  }
  if (std::find(scores.begin(), scores.end(), "bleu") == scores.end()) scores.emplace_back("bleu");
  for (const auto& score : scores) {
    add_series(std::string(kValidation) + score, "Validation " + input.measures.of(score).label);
  }
  add_series("valid_loss", "Validation loss");
  add_series("loss", "Training loss");
  for (const char* figure : {"entropy", "unrouted"}) {
    const Measure measure = input.measures.of(std::string(kRouter) + figure);
    add(chart_of(
        capitalized(measure.label) + ", mean of all layers", with_unit(measure), rows,
        [&](const std::string& training) { return router_series(store, training, figure); }));
  }
}

void add_step_times(const ReportSection& section, const ReportInput& input, const ReportRows& rows,
                    Details& out) {
  Comparison figures(section, input);
  const Measure step = input.measures.of("step_ms");
  BarChart chart{"Time of an update", step.unit, {}};
  for (size_t row = 0; row < std::min(rows.rows.size(), kMaxBars); ++row) {
    const Sample sample = figures.sample(points_of(rows.rows[row]), step);
    if (!sample.is_comparable()) continue;
    const Moments of = moments(sample.values);
    chart.bars.push_back({full_row_name(rows, row), of.mean, of.spread, row});
  }
  if (chart.bars.size() > 1) out.bars.push_back(std::move(chart));
}

std::vector<Value> values_of(const ReportRows& rows, size_t key) {
  std::vector<Value> out;
  for (const ReportRow& row : rows.rows) {
    const Value& value = row.settings[key];
    if (!value.is_null() && std::find(out.begin(), out.end(), value) == out.end())
      out.push_back(value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The mean of a score over all rows that have both values.
HeatMap crossed(const ReportRows& rows, Comparison& figures, const Measure& measure,
                const std::pair<size_t, size_t>& keys) {
  const auto [first, second] = keys;
  const auto downwards = values_of(rows, first), across = values_of(rows, second);
  HeatMap out{measure.label + " by " + rows.keys[first].name + " and " + rows.keys[second].name,
              rows.keys[first].name,
              rows.keys[second].name,
              {},
              {},
              {},
              2};
  for (const Value& value : across)
    out.columns.push_back(text_of(value));
  for (const Value& down : downwards) {
    out.rows.push_back(text_of(down));
    auto& line = out.values.emplace_back();
    for (const Value& right : across) {
      std::vector<const ReportPoint*> points;
      for (const ReportRow& row : rows.rows) {
        if (row.settings[first] != down || row.settings[second] != right) continue;
        const auto some = points_of(row);
        points.insert(points.end(), some.begin(), some.end());
      }
      const Sample sample = figures.sample(points, measure);
      line.push_back(sample.is_comparable() ? moments(sample.values).mean
                                            : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return out;
}

// Every pair of settings with at least two numbers each that were crossed.
void add_crossed(const ReportSection& section, const ReportInput& input, const ReportRows& rows,
                 Details& out) {
  Comparison figures(section, input);
  if (section.columns.empty()) return;
  const Measure measure = input.measures.of(section.columns.front());
  for (size_t first = 0; first < rows.keys.size(); ++first) {
    for (size_t second = first + 1; second < rows.keys.size(); ++second) {
      const auto a = values_of(rows, first), b = values_of(rows, second);
      const bool numbers = std::all_of(a.begin(), a.end(), [](auto& v) { return v.is_number(); }) &&
                           std::all_of(b.begin(), b.end(), [](auto& v) { return v.is_number(); });
      const bool fits = std::min(a.size(), b.size()) >= 2 &&
                        std::max(a.size(), b.size()) <= kMaxLevels;  // more cannot be read
      if (!numbers || !fits || out.maps.size() >= kMaxMaps) continue;
      out.maps.push_back(crossed(rows, figures, measure, {first, second}));
    }
  }
}

// The best row of the first column that has a best.
void add_best(const ReportSection& section, const ReportInput& input, const ReportRows& rows,
              Details& out) {
  if (section.columns.empty()) return;
  const Measure measure = input.measures.of(section.columns.front());
  if (measure.better == Better::kNeither) return;
  Comparison figures(section, input);
  std::optional<size_t> best;
  Moments found;
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    const Sample sample = figures.sample(points_of(rows.rows[row]), measure);
    if (!sample.is_comparable()) continue;
    const Moments of = moments(sample.values);
    const bool is_better =
        measure.better == Better::kHigher ? of.mean > found.mean : of.mean < found.mean;
    if (best && !is_better) continue;
    best = row;
    found = of;
  }
  if (!best) return;
  const std::vector<double> value = {found.mean};
  const Column column = column_of(measure, value);
  const std::string unit = column.unit.empty() ? "" : " " + column.unit;
  out.facts.emplace_back(
      "best " + measure.label,
      fmt::format("{}{}: {}", number_text(column, found.mean), unit, full_row_name(rows, *best)));
}

// Facts for the head of the page. None depends on the time of the report, so that a kept page can
// be compared with a new one.
void add_facts(const ReportInput& input, const ReportRows& rows, const Store& store, Details& out) {
  std::set<std::string> machines, layouts;
  size_t done = 0;
  double ended_s = 0;
  std::string last;
  for (const ReportPoint* point : rows.points) {
    const ReportRun* run = input.run(*point, RunKind::kTraining);
    const ReportRun* evaluation = input.run(*point, RunKind::kEvaluation);
    if (run == nullptr || run->state != ReportState::kDone) continue;
    if (!run->machine.empty()) machines.insert(run->machine);
    if (!run->layout.empty()) layouts.insert(run->layout);
    const bool is_whole = evaluation != nullptr && evaluation->state == ReportState::kDone;
    done += is_whole ? 1 : 0;
    const double end = std::max(run->ended_s, is_whole ? evaluation->ended_s : 0.0);
    if (end > ended_s) {
      ended_s = end;
      last = point->ids->training;
    }
  }
  const auto one_of = [](const std::set<std::string>& all, const char* noun) {
    return all.size() == 1 ? *all.begin() : fmt::format("{} {}", all.size(), noun);
  };
  out.facts.emplace_back("points", fmt::format("{} of {} done", done, rows.points.size()));
  if (ended_s > 0) {
    out.facts.emplace_back(
        "last result", fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(ended_s))));
  }
  if (!input.corpus.empty()) out.facts.emplace_back("corpus", input.corpus);
  if (!machines.empty()) out.facts.emplace_back("machine", one_of(machines, "machines"));
  if (!layouts.empty()) out.facts.emplace_back("nodes x ranks", one_of(layouts, "layouts"));
  std::string version, revision;
  for (const auto& [path, value] : store.provenance(last)) {
    if (path == "version") version = value;
    if (path == "revision") revision = " (" + value + ")";
  }
  if (!version.empty()) out.facts.emplace_back("xp", version + revision);
}

// One evaluation of each of the first rows.
void add_translations(const ReportInput& input, const ReportRows& rows, Details& out) {
  if (!input.translations) return;
  std::vector<std::string> evaluations, names;
  for (size_t row = 0; row < rows.rows.size() && names.size() < kMaxTranslated; ++row) {
    for (const ReportPoint* point : points_of(rows.rows[row])) {
      const ReportRun* run = input.run(*point, RunKind::kEvaluation);
      if (run == nullptr || run->state != ReportState::kDone) continue;
      evaluations.push_back(point->ids->evaluation);
      names.push_back(full_row_name(rows, row));
      break;
    }
  }
  if (evaluations.empty()) return;
  const TranslatedTexts texts = input.translations(evaluations);
  if (!texts.sources.empty())
    out.sentences = sentence_set(input.sentence_metric.get(), texts, names);
}

}  // namespace

Details report_details(const ReportSection& section, const ReportInput& input, const Store& store) {
  const ReportRows rows = rows_of(section, input);
  Details out;
  add_facts(input, rows, store, out);
  add_best(section, input, rows, out);
  for (size_t row = 0; row < rows.rows.size(); ++row)
    out.rows.push_back(full_row_name(rows, row));
  const bool has_quality =
      std::any_of(section.columns.begin(), section.columns.end(), [&](const auto& column) {
        const Measure measure = input.measures.of(column);
        return !measure.is_relative && measure.better != Better::kNeither;
      });
  for (const char* cost : {"step_ms", "inter_node_bytes"}) {
    if (!has_quality) break;
    Tradeoff tradeoff = pareto_tradeoff(section, input, cost);
    if (!tradeoff.places.empty()) out.tradeoffs.push_back(std::move(tradeoff));
  }
  add_charts(section, input, rows, store, out);
  add_step_times(section, input, rows, out);
  out.stacks = part_charts(rows, store);
  add_crossed(section, input, rows, out);
  for (HeatMap& map : part_maps(rows, store))
    out.maps.push_back(std::move(map));
  for (HeatMap& map : router_maps(rows, input.measures, store))
    out.maps.push_back(std::move(map));
  add_translations(input, rows, out);
  out.corpora = corpus_cards(input.corpora);
  out.runs = run_cards(input, rows, store);
  return out;
}

}  // namespace xp
