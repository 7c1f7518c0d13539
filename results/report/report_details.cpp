// Curves, maps and cards.
#include "results/report/report_details.h"

#include "engine/base/text.h"
#include "results/report/corpus_cards.h"
#include "results/report/measures.h"
#include "results/report/pareto.h"
#include "results/report/report_cells.h"
#include "results/store/router_health.h"
#include "results/store/store.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace xp {
namespace {

constexpr size_t kMostCurves = 12, kMostMapRuns = 8, kMostMaps = 4, kMostLevels = 24;

std::vector<const ReportPoint*> points_of(const ReportRow& row) {
  std::vector<const ReportPoint*> out;
  for (const auto& some : row.points)
    out.insert(out.end(), some.begin(), some.end());
  return out;
}

// The mean over the trainings of a row at every update that all of them measured.
Curve mean_curve(const ReportInput& input, const ReportRow& row, const std::string& metric) {
  std::map<int64_t, std::pair<double, size_t>> sums;
  std::set<std::string> trainings;
  for (const ReportPoint* point : points_of(row)) {
    if (point->training.empty() || trainings.contains(point->training)) continue;
    const Series series = input.series(point->training, metric);
    if (series.empty()) continue;
    trainings.insert(point->training);
    for (const auto& [update, value] : series) {
      if (!std::isfinite(value)) continue;
      sums[update].first += value;
      ++sums[update].second;
    }
  }
  Curve out;
  for (const auto& [update, sum] : sums) {
    if (sum.second == trainings.size())
      out.points.emplace_back(static_cast<double>(update),
                              sum.first / static_cast<double>(sum.second));
  }
  return out;
}

void add_charts(const ReportInput& input, const ReportRows& rows, Details& out) {
  for (const auto& [metric, title] :
       {std::pair("valid_bleu", "Validation BLEU"), std::pair("valid_loss", "Validation loss"),
        std::pair("loss", "Training loss")}) {
    Chart chart{title, "updates", input.measures.of(metric).label, {}};
    for (size_t row = 0; row < rows.rows.size(); ++row) {
      // The first lines are drawn and the rest only counted, so that 10,000 runs need no reading.
      Curve curve;
      if (chart.curves.size() < kMostCurves) {
        curve = mean_curve(input, rows.rows[row], metric);
        if (curve.points.size() < 2) continue;
      }
      curve.name = full_row_name(rows, row);
      chart.curves.push_back(std::move(curve));
    }
    if (!chart.curves.empty()) out.charts.push_back(std::move(chart));
  }
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
HeatMap crossed(const ReportRows& rows, const Comparison& figures, const Measure& measure,
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
      line.push_back(sample.empty() ? std::numeric_limits<double>::quiet_NaN()
                                    : moments(sample.values).mean);
    }
  }
  return out;
}

// Every pair of settings with at least two numbers each that were crossed.
void add_crossed(const ReportSection& section, const ReportInput& input, const ReportRows& rows,
                 Details& out) {
  const Comparison figures(section, input);
  if (section.columns.empty()) return;
  const Measure measure = input.measures.of(section.columns.front());
  for (size_t first = 0; first < rows.keys.size(); ++first) {
    for (size_t second = first + 1; second < rows.keys.size(); ++second) {
      const auto a = values_of(rows, first), b = values_of(rows, second);
      const bool numbers = std::all_of(a.begin(), a.end(), [](auto& v) { return v.is_number(); }) &&
                           std::all_of(b.begin(), b.end(), [](auto& v) { return v.is_number(); });
      const bool fits = std::min(a.size(), b.size()) >= 2 &&
                        std::max(a.size(), b.size()) <= kMostLevels;  // more cannot be read
      if (!numbers || !fits || out.maps.size() >= kMostMaps) continue;
      out.maps.push_back(crossed(rows, figures, measure, {first, second}));
    }
  }
}

// A training's last figures: layers and parts down, names across.
std::optional<HeatMap> router_map(const Store& store, const std::string& training) {
  std::map<std::string, std::map<std::string, double>> found;
  std::set<std::string> names;
  for (const auto& name : store.series_names(training)) {
    if (std::count(name.begin(), name.end(), '.') != 3) continue;
    const Series series = store.series(training, name);
    const size_t dot = name.rfind('.');
    if (series.empty() || !std::isfinite(series.back().second)) continue;
    found[name.substr(0, dot)][name.substr(dot + 1)] = series.back().second;
    names.insert(name.substr(dot + 1));
  }
  if (found.empty()) return std::nullopt;
  HeatMap out;
  out.row_name = "layer and part";
  out.column_name = "figure of the router";
  out.is_by_column = true;
  out.columns.assign(names.begin(), names.end());
  for (const auto& [layer, figures] : found) {
    out.rows.push_back(layer);
    auto& line = out.values.emplace_back();
    for (const auto& name : out.columns) {
      const auto at = figures.find(name);
      line.push_back(at == figures.end() ? std::numeric_limits<double>::quiet_NaN() : at->second);
    }
  }
  return out;
}

// A run's files may hold any name.
std::optional<size_t> expert_of(const std::string& text) {
  constexpr size_t kMostExperts = 1 << 16;
  size_t out = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  const bool is_number = error == std::errc() && stop == end;
  return is_number && out < kMostExperts ? std::optional(out) : std::nullopt;
}

// Layers down, experts across.
std::optional<HeatMap> load_map(const Store& store, const std::string& training) {
  std::map<std::string, std::map<size_t, double>> found;
  size_t experts = 0;
  for (const auto& name : store.series_names(training)) {
    const size_t at = name.find(kExpertLoad);
    const Series series = at == std::string::npos ? Series() : store.series(training, name);
    if (series.empty()) continue;
    const auto expert = expert_of(name.substr(at + kExpertLoad.size()));
    if (!expert) continue;
    found[name.substr(0, at)][*expert] = series.back().second;
    experts = std::max(experts, *expert + 1);
  }
  if (found.empty()) return std::nullopt;
  HeatMap out;
  out.row_name = "layer";
  out.column_name = "expert";
  out.decimals = 1;
  // Half a tint is an even share, so that balanced experts look alike whatever rounding left.
  out.range = {0, 200 / static_cast<double>(std::max<size_t>(1, experts))};
  for (size_t expert = 0; expert < experts; ++expert)
    out.columns.push_back(std::to_string(expert));
  for (const auto& [layer, loads] : found) {
    out.rows.push_back(layer);
    auto& line = out.values.emplace_back(experts, std::numeric_limits<double>::quiet_NaN());
    for (const auto& [expert, load] : loads)
      line[expert] = load;
  }
  return out;
}

void add_router_maps(const ReportRows& rows, const Store& store, Details& out) {
  size_t looked = 0;
  for (size_t row = 0; row < rows.rows.size() && looked < kMostMapRuns; ++row, ++looked) {
    const auto points = points_of(rows.rows[row]);
    if (points.empty() || points.front()->training.empty()) continue;
    const std::string& training = points.front()->training;
    const auto add = [&](std::optional<HeatMap> map, const char* what) {
      if (!map) return;
      map->title =
          fmt::format("{}, {} (seed {})", what, full_row_name(rows, row), points.front()->seed);
      out.maps.push_back(std::move(*map));
    };
    add(load_map(store, training), "Share of rows that came to each expert at the end, in %");
    add(router_map(store, training), "Routers at the end of training");
  }
}

// One word to a shell, whatever is in it.
std::string shell_word(const std::string& text) {
  return "'" + join(split(text, '\''), "'\\''") + "'";
}

void add_facts(const Store& store, const std::string& id, const ReportRun& run, RunCard& card) {
  if (!run.cause.empty()) card.facts.emplace_back("cause", run.cause);
  for (const auto& [path, value] : store.provenance(id))
    card.facts.emplace_back(path == "command" ? "was started by" : path, value);
  for (const auto& [name, value] : run.summary.items()) {
    if (value.is_number())
      card.facts.emplace_back(name, fmt::format("{:.6g}", value.get<double>()));
  }
}

void add_runs(const ReportInput& input, const ReportRows& rows, const Store& store, Details& out) {
  std::vector<std::string> axes = axes_of(input.points);
  const auto names = short_names(axes);
  for (const ReportPoint* point : rows.points) {
    RunCard card;
    for (const auto& [path, value] : point->axes)
      card.name +=
          fmt::format("{}{} {}", card.name.empty() ? "" : ", ", names.at(path), text_of(value));
    if (card.name.empty()) card.name = input.name;
    const auto run = input.runs.find(point->training);
    const auto evaluation = input.runs.find(point->evaluation);
    card.state = run == input.runs.end() ? "not run" : run->second.state;
    if (card.state == "done" && evaluation != input.runs.end())
      card.state = evaluation->second.state;
    std::string command = "xp run " + input.file;
    for (const auto& [path, value] : point->axes)
      command += " --set " + shell_word(path + "=" + text_of(value));
    card.facts.emplace_back("command", command);
    card.facts.emplace_back("training", point->training);
    card.facts.emplace_back("evaluation", point->evaluation);
    for (const auto& [name, value] : point->predicted)
      card.facts.emplace_back("predicted " + name, fmt::format("{:.6g}", value));
    if (run != input.runs.end()) add_facts(store, point->training, run->second, card);
    out.runs.push_back(std::move(card));
  }
}

}  // namespace

Details report_details(const ReportSection& section, const ReportInput& input, const Store& store) {
  const ReportRows rows = rows_of(section, input);
  Details out;
  add_charts(input, rows, out);
  for (const char* cost : {"step_ms", "inter_node_bytes"}) {
    if (std::none_of(section.columns.begin(), section.columns.end(), [&](const auto& column) {
          const Measure measure = input.measures.of(column);
          return !measure.is_relative && measure.better != Better::kNeither;
        }))
      break;
    Tradeoff tradeoff = pareto_tradeoff(section, input, cost);
    if (!tradeoff.places.empty()) out.tradeoffs.push_back(std::move(tradeoff));
  }
  add_crossed(section, input, rows, out);
  add_router_maps(rows, store, out);
  out.corpora = corpus_cards(input.corpora);
  add_runs(input, rows, store, out);
  return out;
}

}  // namespace xp
