// Series of parts of layers to sums by layer.
#include "results/report/step_times.h"

#include "results/store/step_parts.h"
#include "results/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

namespace xp {
namespace {

constexpr size_t kMaxBars = 40, kMaxLayered = 4;
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kWhole = "whole update";
constexpr const char* kGradients = "gradients";
constexpr std::string_view kGradientPrefix = "gradient_";
const std::vector<std::string> kHeads = {"compute ms", "in-node ms", "inter-node ms", "exposed ms"};

/// A figure of a layer's call, or of an update.
struct Timed {
  std::string of;  ///< "encoder 1"
  std::string part;
  bool is_of_call = false;
};

// "encoder.1.global.exposed_ms" is of the layer "encoder 1", whatever the part of it.
std::optional<Timed> figure_of(const std::string& name) {
  const auto is_part = [](const std::string& word) {
    return std::find(std::begin(kStepParts), std::end(kStepParts), word) != std::end(kStepParts);
  };
  if (is_part(name)) return Timed{kWhole, name};
  if (name.starts_with(kGradientPrefix) && is_part(name.substr(kGradientPrefix.size())))
    return Timed{kGradients, name.substr(kGradientPrefix.size())};
  const size_t first = name.find('.'), last = name.rfind('.');
  if (first == std::string::npos || !is_part(name.substr(last + 1))) return std::nullopt;
  const size_t second = std::min(name.find('.', first + 1), last);
  if (second <= first) return std::nullopt;
  return Timed{name.substr(0, first) + " " + name.substr(first + 1, second - first - 1),
               name.substr(last + 1), true};
}

double mean_of(const Store& store, const std::string& training, const std::string& name) {
  const auto series = store.series(training, name);
  return warm_mean({series.begin(), series.end()});
}

using Sums = std::map<std::string, std::map<std::string, double>>;  // layer -> part -> ms

Sums sums_of(const std::string& training, const Store& store) {
  Sums out;
  double calls = 1;
  if (const double known = mean_of(store, training, "calls"); known > 0) calls = known;
  for (const auto& name : store.series_names(training)) {
    const auto figure = figure_of(name);
    if (!figure) continue;
    const double mean = mean_of(store, training, name);
    if (!std::isfinite(mean)) continue;
    out[figure->of][figure->part] += (figure->is_of_call ? calls : 1) * mean;
  }
  return out;
}

std::string row_title(const ReportRows& rows, size_t row, size_t trainings) {
  return fmt::format("{}{}", full_row_name(rows, row),
                     trainings > 1 ? fmt::format(" (mean of {} runs)", trainings) : "");
}

StackChart::Bar bar_of(const std::string& name, const TimeParts& parts, size_t row) {
  const auto known = [](double value) { return std::isfinite(value) ? value : 0.0; };
  return {name,
          {{known(parts.compute), known(parts.exposed)},
           {known(parts.in_node), known(parts.inter_node)}},
          row};
}

const std::vector<std::vector<std::string>> kTracks = {{"compute", "exposed"},
                                                       {"in-node", "inter-node"}};

// Those of layers that logged more than what a rank computes.
bool has_links(const std::vector<TimeParts>& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const TimeParts& one) { return one.in_node > 0 || one.inter_node > 0; });
}

}  // namespace

std::vector<TimeParts> step_times(const std::vector<std::string>& trainings, const Store& store) {
  Sums sums;
  std::map<std::string, std::map<std::string, double>> counts;
  for (const auto& training : trainings) {
    for (const auto& [layer, parts] : sums_of(training, store)) {
      for (const auto& [part, value] : parts) {
        sums[layer][part] += value;
        counts[layer][part] += 1;
      }
    }
  }
  std::vector<TimeParts> out;
  const auto add = [&](const std::string& layer) {
    const auto found = sums.find(layer);
    if (found == sums.end()) return;
    const auto mean = [&](const char* part) {
      const auto sum = found->second.find(part);
      return sum == found->second.end() ? kNothing : sum->second / counts[layer][part];
    };
    out.push_back(
        {layer, mean("compute_ms"), mean("in_node_ms"), mean("inter_node_ms"), mean("exposed_ms")});
  };
  if (!sums.contains(kWhole)) return out;
  for (const auto& [layer, parts] : sums) {
    if (layer != kWhole && layer != kGradients) add(layer);
  }
  add(kGradients);
  add(kWhole);
  return out;
}

Table parts_table(const ReportSection& section, const ReportInput& input, const Store& store) {
  const ReportRows rows = rows_of(section, input);
  Table out;
  out.title = input.name + ": where the time of an update goes";
  for (const RowKey& key : rows.keys)
    out.columns.push_back({.name = key.name, .unit = "", .key = key.name});
  out.columns.push_back({.name = "part", .unit = "", .key = "part"});
  std::array<std::vector<double>, 4> values;
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    for (const TimeParts& parts : step_times(trainings_of(rows.rows[row]), store)) {
      auto& line = out.rows.emplace_back();
      for (const Value& setting : rows.rows[row].settings)
        line.emplace_back().text = text_of(setting);
      line.emplace_back().text = parts.name;
      for (size_t i = 0; i < values.size(); ++i) {
        Cell& cell = line.emplace_back();
        cell.value = parts.all()[i];
        cell.is_number = std::isfinite(cell.value);
        cell.count = 1;
        if (cell.is_number) values[i].push_back(cell.value);
      }
      out.row_names.push_back(full_row_name(rows, row));
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Measure measure = input.measures.of(kStepParts[i]);
    measure.better = Better::kNeither;
    out.columns.push_back(column_of(measure, values[i]));
  }
  out.notes = input.notes;
  if (out.rows.empty()) {
    out.notes.insert(out.notes.begin(), "no training that is shown has logged these times");
  } else {
    out.notes.insert(out.notes.begin(),
                     "means of the first rank, the first updates left out; an update is compute "
                     "and exposed, links work behind the compute as well");
  }
  return out;
}

std::vector<StackChart> part_charts(const ReportRows& rows, const Store& store) {
  StackChart whole{"An update: its rank above, its links below", "ms", kTracks, {}};
  std::vector<StackChart> out;
  for (size_t row = 0; row < std::min(rows.rows.size(), kMaxBars); ++row) {
    const auto trainings = trainings_of(rows.rows[row]);
    const auto all = step_times(trainings, store);
    if (all.empty()) continue;
    whole.bars.push_back(bar_of(full_row_name(rows, row), all.back(), row));
    if (all.size() < 3 || out.size() >= kMaxLayered || !has_links(all)) continue;
    StackChart layers{
        "Layers of an update, " + row_title(rows, row, trainings.size()), "ms", kTracks, {}};
    for (size_t i = 0; i + 1 < all.size(); ++i)
      layers.bars.push_back(bar_of(all[i].name, all[i], row));
    out.push_back(std::move(layers));
  }
  if (!whole.bars.empty()) out.insert(out.begin(), std::move(whole));
  return out;
}

std::vector<HeatMap> part_maps(const ReportRows& rows, const Store& store) {
  std::vector<HeatMap> out;
  for (size_t row = 0; row < std::min(rows.rows.size(), kMaxBars); ++row) {
    if (out.size() >= kMaxLayered) break;
    const auto trainings = trainings_of(rows.rows[row]);
    const auto all = step_times(trainings, store);
    if (all.size() < 3 || !has_links(all)) continue;
    HeatMap map;
    map.title = "Time of an update in ms, " + row_title(rows, row, trainings.size());
    map.row_name = "part";
    map.column_name = "time";
    map.columns = kHeads;
    map.decimals = 1;
    map.is_by_column = true;
    for (const TimeParts& parts : all) {
      map.rows.push_back(parts.name);
      const auto values = parts.all();
      map.values.emplace_back(values.begin(), values.end());
    }
    out.push_back(std::move(map));
  }
  return out;
}

}  // namespace xp
