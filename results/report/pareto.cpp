// Dominance, with margins.
#include "results/report/pareto.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "results/report/measures.h"
#include "results/report/report_cells.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

/// A mean and half the width of its interval.
struct Estimate {
  double mean = 0, margin = 0;
  int64_t count = 0;
  bool known = false;
};

struct Candidate {
  size_t row = 0;
  Estimate quality, cost;
};

Estimate estimate_of(const Sample& sample) {
  if (!sample.is_comparable()) return {};
  const Moments of = moments(sample.values);
  return {of.mean, mean_margin(of).value_or(0), static_cast<int64_t>(of.count), true};
}

// How much better `a` is than `b`; above 0 is better.
double gain(const Estimate& a, const Estimate& b, Better better) {
  return better == Better::kLower ? b.mean - a.mean : a.mean - b.mean;
}

bool is_sure(const Estimate& a, const Estimate& b, Better better) {
  return gain(a, b, better) > std::hypot(a.margin, b.margin);
}

/// Compares candidates in the two directions.
struct Contest {
  Better quality, cost;

  bool beats(const Candidate& a, const Candidate& b) const {
    const double q = gain(a.quality, b.quality, quality), c = gain(a.cost, b.cost, cost);
    return q >= 0 && c >= 0 && (q > 0 || c > 0);
  }
  bool surely_beats(const Candidate& a, const Candidate& b) const {
    return beats(a, b) && (is_sure(a.quality, b.quality, quality) || is_sure(a.cost, b.cost, cost));
  }
};

Cell number_cell(const Estimate& estimate) {
  Cell out;
  out.is_number = true;
  out.value = estimate.mean;
  out.spread = estimate.margin;
  out.count = estimate.count;
  return out;
}

Measure quality_of(const ReportSection& section, const ReportInput& input,
                   const std::string& cost) {
  for (const auto& column : section.columns) {
    const Measure measure = input.measures.of(column);
    if (!measure.is_relative && measure.better != Better::kNeither && column != cost)
      return measure;
  }
  user_error("[report] columns have no score to set against '{}'; add bleu, say", cost);
}

/// As in Tradeoff::Place.
struct PlaceInRace {
  Tradeoff::Position position;
  std::string standing;
};

/// All rows that have both figures, by rising cost, and how each stands.
struct Race {
  Measure quality, cost;
  ReportRows rows;
  std::vector<Candidate> candidates;
  std::vector<PlaceInRace> places;  ///< of the candidates
};

PlaceInRace place_of(const Race& race, const Candidate& one) {
  const Contest contest{race.quality.better, race.cost.better};
  PlaceInRace out{Tradeoff::Position::kFront, "front"};
  for (const Candidate& other : race.candidates) {
    if (!contest.beats(other, one)) continue;
    out = {Tradeoff::Position::kNear, "near"};
    if (contest.surely_beats(other, one))
      return {Tradeoff::Position::kBeaten, "beaten by " + row_name(race.rows, other.row)};
  }
  return out;
}

Race run_race(const ReportSection& section, const ReportInput& input,
              const std::string& cost_name) {
  Race race{quality_of(section, input, cost_name),
            input.measures.of(cost_name),
            rows_of(section, input),
            {},
            {}};
  if (race.cost.better == Better::kNeither || race.cost.of_evaluation) {
    user_error("'{}' is not a cost; known are step_ms, inter_node_bytes, cpu_seconds and the like",
               cost_name);
  }
  Comparison figures(section, input);
  for (size_t row = 0; row < race.rows.rows.size(); ++row) {
    std::vector<const ReportPoint*> points;
    for (const auto& some : race.rows.rows[row].points)
      points.insert(points.end(), some.begin(), some.end());
    const Candidate one{row, estimate_of(figures.sample(points, race.quality)),
                        estimate_of(figures.sample(points, race.cost))};
    if (one.quality.known && one.cost.known) race.candidates.push_back(one);
  }
  std::stable_sort(race.candidates.begin(), race.candidates.end(),
                   [&](const Candidate& a, const Candidate& b) {
                     return gain(a.cost, b.cost, race.cost.better) > 0;
                   });
  for (const Candidate& one : race.candidates)
    race.places.push_back(place_of(race, one));
  return race;
}

}  // namespace

Table pareto_table(const ReportSection& section, const ReportInput& input,
                   const std::string& cost) {
  const Race race = run_race(section, input, cost);
  const ReportRows& rows = race.rows;
  Table out;
  out.title = fmt::format("{}: {} against {}", input.name, race.quality.label, race.cost.label);
  for (const RowKey& key : rows.keys)
    out.columns.push_back({.name = key.name, .unit = "", .key = key.name});
  std::vector<double> qualities, costs;
  for (size_t i = 0; i < race.candidates.size(); ++i) {
    const Candidate& one = race.candidates[i];
    qualities.push_back(one.quality.mean);
    costs.push_back(one.cost.mean);
    std::vector<Cell>& row = out.rows.emplace_back();
    out.row_names.push_back(full_row_name(rows, one.row));
    for (const Value& value : rows.rows[one.row].settings) {
      row.emplace_back();
      row.back().text = text_of(value);
    }
    row.push_back(number_cell(one.quality));
    row.push_back(number_cell(one.cost));
    row[row.size() - 2].is_best = row[row.size() - 1].is_best =
        race.places[i].position == Tradeoff::Position::kFront;
    row.emplace_back();
    row.back().text = race.places[i].standing;
  }
  out.columns.push_back(column_of(race.quality, qualities));
  out.columns.push_back(column_of(race.cost, costs));
  out.columns.push_back({.name = "Pareto", .unit = "", .key = "pareto"});
  out.notes.emplace_back(
      "mean ± half the 95 % interval (number of seeds); near: beaten, but by less than the "
      "intervals");
  if (race.candidates.size() < rows.rows.size()) {
    out.notes.push_back(
        fmt::format("{} of {} rows have both figures, undisturbed by other programs",
                    race.candidates.size(), rows.rows.size()));
  }
  return out;
}

Tradeoff pareto_tradeoff(const ReportSection& section, const ReportInput& input,
                         const std::string& cost) {
  const Race race = run_race(section, input, cost);
  Tradeoff out;
  if (race.candidates.size() < 2) return out;
  out.title = fmt::format("{} against {}", race.quality.label, race.cost.label);
  out.quality = race.quality.label;
  out.cost = race.cost.label;
  if (!race.cost.unit.empty() && race.cost.unit != race.cost.label)
    out.cost += " " + race.cost.unit;
  for (size_t i = 0; i < race.candidates.size(); ++i) {
    const Candidate& one = race.candidates[i];
    const auto& [position, standing] = race.places[i];
    out.places.push_back({row_name(race.rows, one.row), position, standing, one.cost.mean,
                          one.quality.mean, one.cost.margin, one.quality.margin, one.row});
  }
  return out;
}

}  // namespace xp
