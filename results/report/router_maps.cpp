// Series of layers and experts to tables.
#include "results/report/router_maps.h"

#include "results/store/router_health.h"
#include "results/store/store.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace xp {
namespace {

constexpr size_t kMaxMapRows = 8;
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

/// Sums and counts of what several trainings have at one place.
struct Mean {
  double sum = 0;
  size_t count = 0;

  void take(double value) {
    if (!std::isfinite(value)) return;
    sum += value;
    ++count;
  }
  double value() const { return count == 0 ? kNothing : sum / static_cast<double>(count); }
};

// Layer -> column -> mean over trainings.
template <class Column>
using Grid = std::map<std::string, std::map<Column, Mean>>;

// "stack.layer.part.figure", or nothing.
std::optional<std::pair<std::string, std::string>> part_and_figure(const std::string& name) {
  if (std::count(name.begin(), name.end(), '.') != 3) return std::nullopt;
  const size_t dot = name.rfind('.');
  return std::pair(name.substr(0, dot), name.substr(dot + 1));
}

// "decoder.1.global" -> "decoder 1, global"; "decoder.1, en-fr" -> "decoder 1, en-fr".
std::string in_words(std::string layer) {
  const size_t first = layer.find('.');
  if (first == std::string::npos) return layer;
  layer[first] = ' ';
  const size_t second = layer.find('.');
  return second == std::string::npos ? layer : layer.replace(second, 1, ", ");
}

// A run's files may hold any name.
std::optional<size_t> expert_of(const std::string& text) {
  constexpr size_t kMaxExperts = 1 << 16;
  size_t out = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  const bool is_number = error == std::errc() && stop == end;
  return is_number && out < kMaxExperts ? std::optional(out) : std::nullopt;
}

std::optional<HeatMap> figure_map(const std::vector<std::string>& trainings,
                                  const Measures& measures, const Store& store) {
  Grid<std::string> found;
  std::set<std::string> names;
  for (const auto& training : trainings) {
    for (const auto& name : store.series_names(training)) {
      const auto part = part_and_figure(name);
      if (!part) continue;
      const Series series = store.series(training, name);
      if (series.empty() || !std::isfinite(series.back().second)) continue;
      found[part->first][part->second].take(series.back().second);
      names.insert(part->second);
    }
  }
  if (found.empty()) return std::nullopt;
  HeatMap out;
  out.row_name = "layer, part";
  out.column_name = "figure";
  out.is_by_column = true;
  for (auto& [layer, figures] : found) {
    out.rows.push_back(in_words(layer));
    out.values.emplace_back();
  }
  for (const auto& name : names) {
    std::vector<double> values, known;
    for (auto& [layer, figures] : found) {
      values.push_back(figures[name].value());
      if (std::isfinite(values.back())) known.push_back(values.back());
    }
    Measure measure = measures.of(std::string(kRouter) + name);
    measure.label.erase(0, kRouter.size());
    const Column column = column_of(measure, known);
    const double scale = measure.is_bytes() ? column.scale : 1;
    out.columns.push_back(head_text(column));
    for (size_t row = 0; row < values.size(); ++row)
      out.values[row].push_back(values[row] / scale);
  }
  return out;
}

// Layers down, of evaluations with their directions; experts across.
std::optional<HeatMap> load_map(const std::vector<std::string>& runs, const Store& store) {
  Grid<size_t> found;
  size_t experts = 0;
  for (const auto& run : runs) {
    for (const auto& name : store.series_names(run)) {
      const size_t at = name.find(kExpertLoad);
      const Series series = at == std::string::npos ? Series() : store.series(run, name);
      if (series.empty()) continue;
      const auto expert = expert_of(name.substr(at + kExpertLoad.size()));
      if (!expert) continue;
      found[name.substr(0, at)][*expert].take(series.back().second);
      experts = std::max(experts, *expert + 1);
    }
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
    out.rows.push_back(in_words(layer));
    auto& line = out.values.emplace_back(experts, kNothing);
    for (const auto& [expert, load] : loads)
      line[expert] = load.value();
  }
  return out;
}

}  // namespace

std::vector<HeatMap> router_maps(const ReportRows& rows, const Measures& measures,
                                 const Store& store) {
  std::vector<HeatMap> out;
  for (size_t row = 0; row < std::min(rows.rows.size(), kMaxMapRows); ++row) {
    const auto trainings = trainings_of(rows.rows[row]);
    const auto evaluations = evaluations_of(rows.rows[row]);
    const std::string of = fmt::format(
        "{}{}", full_row_name(rows, row),
        trainings.size() > 1 ? fmt::format(" (mean of {} runs)", trainings.size()) : "");
    const auto add = [&](std::optional<HeatMap> map, const char* what) {
      if (!map) return;
      map->title = fmt::format("{}, {}", what, of);
      out.push_back(std::move(*map));
    };
    add(load_map(trainings, store), "Share of rows that came to each expert at the end, in %");
    add(load_map(evaluations, store),
        "Share of a direction's rows that came to each expert in evaluation, in %");
    add(figure_map(trainings, measures, store), "Routers at the end of training");
  }
  return out;
}

Series router_series(const Store& store, const std::string& training, const std::string& figure) {
  std::map<int64_t, Mean> means;
  for (const auto& name : store.series_names(training)) {
    const auto part = part_and_figure(name);
    if (!part || part->second != figure) continue;
    for (const auto& [update, value] : store.series(training, name))
      means[update].take(value);
  }
  Series out;
  for (const auto& [update, mean] : means) {
    if (mean.count > 0) out.emplace_back(update, mean.value());
  }
  return out;
}

}  // namespace xp
