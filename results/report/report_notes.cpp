// Notes and hints of a report.
#include "results/report/report_notes.h"

#include "engine/base/text.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

constexpr size_t kMaxCauses = 3, kMaxColumns = 8;

std::string point_name(const ReportPoint& point) {
  std::vector<std::string> axes, words;
  for (const auto& [path, value] : point.axes)
    axes.push_back(path);
  for (const auto& [path, name] : short_names(axes)) {
    const Value& value = point.axes.at(path);
    words.push_back(name + " " + (value.is_string() ? value.get<std::string>() : show(value)));
  }
  return words.empty() ? "the run" : join(words, ", ");
}

void add_failures(const ReportInput& input, const std::vector<const ReportPoint*>& points,
                  std::vector<std::string>& notes) {
  std::set<std::string> seen_ids;
  size_t more = 0;
  for (const ReportPoint* point : points) {
    for (const RunKind kind : kRunKinds) {
      const ReportRun* run = input.run(*point, kind);
      if (run == nullptr || run->state != ReportState::kFailed) continue;
      if (!seen_ids.insert(point->ids->of(kind)).second) continue;
      if (seen_ids.size() > kMaxCauses)
        ++more;
      else
        notes.push_back(fmt::format("failed: {}: {}", point_name(*point),
                                    run->cause.empty() ? "no cause recorded" : run->cause));
    }
  }
  if (more > 0) notes.push_back(fmt::format("failed: {} more", more));
}

// Runs that continued with smaller micro-batches after running out of memory.
void add_split(const ReportInput& input, const std::vector<const ReportPoint*>& points,
               std::vector<std::string>& notes) {
  std::set<std::string> seen_ids;
  for (const ReportPoint* point : points) {
    const ReportRun* run = input.run(*point, RunKind::kTraining);
    if (run == nullptr || !run->summary.contains("micro_batch_split")) continue;
    if (!seen_ids.insert(point->ids->training).second || seen_ids.size() > kMaxCauses) continue;
    notes.push_back(fmt::format(
        "not comparable: {} ran out of memory and continued with micro-batches split in {:.0f}, "
        "which changes the capacity of experts",
        point_name(*point), run->summary["micro_batch_split"].get<double>()));
  }
}

// Trainings with pairs that no batch could hold.
void add_left_out(const ReportInput& input, const std::vector<const ReportPoint*>& points,
                  std::vector<std::string>& notes) {
  std::set<std::string> told;
  for (const ReportPoint* point : points) {
    const ReportRun* run = input.run(*point, RunKind::kTraining);
    if (run == nullptr || !run->summary.contains("left_out_pairs")) continue;
    if (!told.insert(point->ids->training).second || told.size() > kMaxCauses) continue;
    notes.push_back(
        fmt::format("left out: {} training pairs of {}, which are longer than its train.max_tokens",
                    run->summary["left_out_pairs"].get<double>(), point_name(*point)));
  }
}

// What the figures of the cells are.
struct Seen {
  int64_t most = 0;
  bool differences = false, marks = false, disturbed = false;
};

Seen seen_in(const Table& table) {
  Seen out;
  for (const auto& row : table.rows) {
    for (const Cell& cell : row) {
      out.most = std::max(out.most, cell.count);
      out.differences |= cell.has_difference;
      out.marks |= cell.is_significant || cell.is_tied;
      out.disturbed |= cell.is_disturbed;
    }
  }
  return out;
}

// The rows whose runs differ most come first.
std::string unsteady_note(const NotedReport& report) {
  std::vector<Unsteady> all = report.figures.unsteady();
  std::stable_sort(all.begin(), all.end(),
                   [](const Unsteady& a, const Unsteady& b) { return a.share > b.share; });
  std::vector<std::string> parts;
  for (const Unsteady& one : all) {
    if (parts.size() == kMaxCauses) break;
    const std::string row = row_name(report.rows, one.row);
    parts.push_back(fmt::format("{}{}{} by {:.0f} %", one.measure, row.empty() ? "" : " of ", row,
                                100 * one.share));
  }
  return fmt::format(
      "unsteady: runs of one row differ in {}{}; other work on the machine makes such figures "
      "unfit to compare",
      join(parts, ", "), all.size() > parts.size() ? ", ..." : "");
}

void add_reading(const NotedReport& report, std::vector<std::string>& notes) {
  const Seen seen = seen_in(report.table);
  const auto names = short_names(axes_of(report.input.points));
  std::vector<std::string> averaged;
  for (const auto& axis : report.rows.averaged)
    averaged.push_back(names.at(axis));
  if (seen.most > 1) {
    notes.push_back(averaged.empty()
                        ? "mean ± standard deviation (number of seeds)"
                        : fmt::format("mean ± standard deviation (number of runs: rows average "
                                      "over {}, too)",
                                      join(averaged, " and ")));
  }
  const Comparison& figures = report.figures;
  if (seen.marks) {
    const char* by = !figures.has_bootstrap()   ? "Welch's test over seeds"
                     : !figures.has_seed_test() ? "paired bootstrap over sentences and seeds"
                                                : "paired bootstrap over sentences and seeds for "
                                                  "scores, Welch's test over seeds for the rest";
    notes.push_back(
        fmt::format("significance: p < {}, two-sided, by {}, Holm-corrected in each column",
                    kSignificance, by));
  }
  // One seed says nothing about chance, so say it below a table of differences.
  if (seen.most == 1 && seen.differences) {
    notes.emplace_back(
        "one seed per row: small differences may be chance; "
        "\"train.seed\" = { repeat = 3, base = 1 } adds seeds");
  }
  if (!figures.unsteady().empty()) notes.push_back(unsteady_note(report));
  if (figures.left_out_bootstrap())
    notes.emplace_back("too many evaluations for a bootstrap of all; narrow the rows by 'where'");
  if (figures.mixes_machines())
    notes.emplace_back(
        "speed on different machines, or beside another number of runs, is not averaged; the "
        "table provenance (xp sql) says where each run was");
  if (figures.left_out_machines())
    notes.emplace_back(
        "speed on different machines, or beside another number of runs, is not compared");
  const auto& no_result = report.input.is_no_result;
  if (no_result && std::any_of(report.rows.points.begin(), report.rows.points.end(),
                               [&](const ReportPoint* point) { return no_result(*point); })) {
    notes.emplace_back(
        "no result: these rows show what a step costs without communication; their models are not "
        "to be compared");
  }
  if (seen.disturbed) {
    notes.push_back(fmt::format(
        "?: other programs kept more than {:.0f} % of the machine busy, so this speed is not "
        "compared; column other_load says how much",
        100 * kMaxOtherLoad));
  }
  if (const size_t count = figures.left_out_runs().size(); count > 0) {
    notes.push_back(fmt::format(
        "the speed of {} is left out of the means: other programs kept more than {:.0f} % of the "
        "machine busy",
        count == 1 ? "1 run" : fmt::format("{} runs", count), 100 * kMaxOtherLoad));
  }
  if (figures.mixes_layouts()) {
    notes.emplace_back(
        "runs of different nodes x ranks are not averaged; put 'nodes' and 'ranks_per_node' into "
        "'rows', or pool = [\"layout\"] for quality");
  }
  if (!report.without_series.empty()) {
    notes.push_back(fmt::format("not shown, since it is measured at the end only: {}",
                                join(report.without_series, ", ")));
  }
}

// The numbers that any run has.
std::set<std::string> measured_in(const ReportInput& input,
                                  const std::vector<const ReportPoint*>& points) {
  std::set<std::string> out;
  for (const ReportPoint* point : points) {
    for (const RunKind kind : kRunKinds) {
      const ReportRun* run = input.run(*point, kind);
      if (run == nullptr) continue;
      for (const auto& [name, value] : run->summary.items()) {
        if (value.is_number()) out.insert(name);
      }
    }
  }
  return out;
}

// Columns that no run measured, or nothing predicts.
void add_empty_columns(const ReportSection& section, const ReportInput& input,
                       const std::vector<const ReportPoint*>& points,
                       std::vector<std::string>& notes) {
  for (const auto& column : section.columns) {
    const bool is_nowhere =
        !points.empty() && std::all_of(points.begin(), points.end(), [&](const ReportPoint* point) {
          return is_left_out(input, *point, column);
        });
    if (is_nowhere)
      notes.push_back(
          fmt::format("'{}' is not in 'metrics' of [eval]: no evaluation computes it", column));
  }
  for (const auto& column : section.columns) {
    const std::string predicted = without_prediction(column);
    if (predicted == column || !predicted.ends_with("_ms")) continue;
    const bool is_nowhere = std::none_of(
        points.begin(), points.end(),
        [&](const ReportPoint* point) { return point->predicted.contains(predicted); });
    if (is_nowhere && !points.empty())
      notes.push_back(fmt::format(
          "nothing predicts '{}' yet; `xp probe` measures links and compute for that", column));
  }
  const auto found = measured_in(input, points);
  const std::vector<std::string> known(found.begin(), found.end());
  for (const auto& column : section.columns) {
    // A known measure may be one of runs to come.
    if (found.contains(column) || input.measures.find(column)) continue;
    const std::string near = nearest(column, known);
    if (!near.empty())
      notes.push_back(fmt::format("no run has measured '{}', did you mean '{}'?", column, near));
  }
}

// "1 of 5 points done, 4 not run"; nothing if all are done.
std::optional<std::string> progress_note(const ReportInput& input,
                                         const std::vector<const ReportPoint*>& points) {
  std::map<ReportState, int> states;
  for (const ReportPoint* point : points)
    ++states[input.state(*point)];
  std::vector<std::string> words;
  for (const ReportState state :
       {ReportState::kRunning, ReportState::kStopped, ReportState::kFailed, ReportState::kNotRun,
        ReportState::kDamaged}) {
    if (states.contains(state))
      words.push_back(fmt::format("{} {}", states[state], state_name(state)));
  }
  if (words.empty()) return std::nullopt;
  return fmt::format("{} of {} points done, {}", states[ReportState::kDone], points.size(),
                     join(words, ", "));
}

}  // namespace

std::vector<std::string> report_notes(const NotedReport& report) {
  const auto& [section, input, rows, figures, table, without_series] = report;
  std::vector<std::string> notes;
  if (rows.points.empty() && !input.points.empty()) {
    notes.push_back(fmt::format("'where' in [report] leaves none of the {} points: {}",
                                input.points.size(), section.where));
    return notes;
  }
  if (input.is_baseline && table.baseline.empty()) {
    notes.push_back(
        fmt::format("'baseline' in [report] matches no row: {}; no differences", section.baseline));
  }
  add_failures(input, rows.points, notes);
  add_split(input, rows.points, notes);
  add_left_out(input, rows.points, notes);
  add_reading(report, notes);
  notes.insert(notes.end(), input.notes.begin(), input.notes.end());
  add_empty_columns(section, input, rows.points, notes);
  if (auto progress = progress_note(input, rows.points)) notes.push_back(*std::move(progress));
  return notes;
}

std::vector<std::string> report_hints(const NotedReport& report) {
  const auto& [section, input, rows, figures, table, without_series] = report;
  std::vector<std::string> out;
  if (rows.points.empty() && !input.points.empty()) return out;
  auto others = measured_in(input, rows.points);
  for (const auto& column : section.columns)
    others.erase(column);
  if (!others.empty()) {
    std::vector<std::string> names(others.begin(), others.end());
    const bool cut = names.size() > kMaxColumns;
    if (cut) names.resize(kMaxColumns);
    out.push_back(
        fmt::format("more columns for [report]: {}{}", join(names, ", "), cut ? ", ..." : ""));
  }
  const bool is_whole = !progress_note(input, rows.points);
  out.push_back(is_whole ? fmt::format("next: xp report {} --format markdown", input.words)
                         : fmt::format("next: xp run {}", input.words));
  return out;
}

}  // namespace xp
