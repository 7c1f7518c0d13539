// Samples, tests and marks.
#include "results/report/report_cells.h"

#include "engine/base/text.h"
#include "results/report/budget.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace xp {
namespace {

// Evaluations of a column. Resampling costs milliseconds for each; a table of more rows is read by
// eye anyway.
constexpr size_t kMaxResampled = 200;

const ReportRun& run_of(const ReportInput& input, const ReportPoint& point, RunKind kind) {
  static const ReportRun kNotRun;
  const ReportRun* found = input.run(point, kind);
  return found == nullptr ? kNotRun : *found;
}

RunKind measured_by(const Measure& measure) {
  return measure.of_evaluation ? RunKind::kEvaluation : RunKind::kTraining;
}

std::string plural(size_t count, const char* noun) {
  return fmt::format("{} {}s", count, noun);
}

// The largest difference between two values as a share of their mean.
double spread_share(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double mean = moments(values).mean;
  return mean > 0 ? (*high - *low) / mean : 0;
}

// Whether other programs kept the machine of a run busy; not if that is not known.
bool is_disturbed(const ReportRun& run, const Measure& measure) {
  const auto load = run.summary.find(measure.of_evaluation ? "eval_other_load" : "other_load");
  return load != run.summary.end() && load->is_number() && load->get<double>() > kMaxOtherLoad;
}

Tone tone_of(ReportState state) {
  if (state == ReportState::kFailed || state == ReportState::kDamaged) return Tone::kBad;
  return state == ReportState::kRunning ? Tone::kActive : Tone::kQuiet;
}

bool beats(double a, double b, Better better) {
  return better == Better::kHigher ? a > b : a < b;
}

}  // namespace

std::string without_prediction(const std::string& column) {
  if (column.starts_with(kPredicted)) return column.substr(kPredicted.size());
  if (!column.ends_with(kVersusPredicted)) return column;
  return column.substr(0, column.size() - kVersusPredicted.size());
}

bool is_left_out(const ReportInput& input, const ReportPoint& point, const std::string& column) {
  if (!input.metrics) return false;
  const std::string key = grouped_score(column).score;
  const auto entries = registered_entries();
  const bool is_metric = std::any_of(entries.begin(), entries.end(), [&](const AnyEntry* entry) {
    return std::string_view(entry->kind) == Metric::kKind && key == entry->name;
  });
  if (!is_metric && !input.own_metrics.contains(key)) return false;
  const auto metrics = input.metrics(point);
  return std::find(metrics.begin(), metrics.end(), key) == metrics.end();
}

std::optional<double> Comparison::value(const ReportPoint& point, const ReportRun& measured,
                                        const Measure& measure) const {
  if (input_.at) return value_at(*input_.at, input_, point, measure.key);
  const std::string key = without_prediction(measure.key);
  std::optional<double> predicted, found;
  if (const auto at = point.predicted.find(key); at != point.predicted.end())
    predicted = at->second;
  if (measure.key.starts_with(kPredicted)) return predicted;
  if (const auto at = measured.summary.find(key); at != measured.summary.end() && at->is_number())
    found = at->get<double>();
  if (!measure.key.ends_with(kVersusPredicted)) return found;
  if (!found || !predicted || *predicted == 0) return std::nullopt;
  return *found / *predicted;
}

// Of a point without a value: the state of the stage that should have measured it, or of the one
// before; kDone if that measures no such thing.
ReportState Comparison::stage(const ReportPoint& point, const Measure& measure) const {
  if (!input_.at && is_left_out(input_, point, measure.key)) return ReportState::kDone;
  const ReportRun& training = run_of(input_, point, RunKind::kTraining);
  const ReportRun& measured = run_of(input_, point, measured_by(measure));
  return training.state != ReportState::kDone ? training.state : measured.state;
}

Sample Comparison::sample(const std::vector<const ReportPoint*>& points, const Measure& measure) {
  // By seed and run: seeds that share a run count once.
  std::map<std::pair<int64_t, std::optional<std::string>>, double> found, disturbed;
  std::set<std::string> seen, machines, layouts;
  std::optional<ReportState> missing;
  Sample out;
  for (const ReportPoint* point : points) {
    if (input_.is_no_result && input_.is_no_result(*point)) {
      out.is_no_result = true;
      if (!measure.is_relative) continue;  // a score or a loss
    }
    const ReportRun& training = run_of(input_, *point, RunKind::kTraining);
    const ReportRun& measured = run_of(input_, *point, measured_by(measure));
    const auto number = value(*point, measured, measure);
    if (!number || !std::isfinite(*number)) {
      missing = std::max(missing.value_or(ReportState::kDone), stage(*point, measure));
      continue;
    }
    std::optional<std::string> id;
    if (point->ids) id = point->ids->of(measured_by(measure));
    if (id && !seen.insert(*id).second) continue;
    // A prediction may be of a training that has not run yet.
    const bool is_speed =
        measure.depends_on == DependsOn::kMachine && !measure.key.starts_with(kPredicted);
    auto& values = is_speed && is_disturbed(measured, measure) ? disturbed : found;
    values.emplace(std::pair(point->seed, id), *number);
    if (is_speed) machines.insert(training.machine);
    const bool keeps_layouts = measure.depends_on != DependsOn::kNothing || !pools_layout_;
    if (keeps_layouts && !training.layout.empty()) layouts.insert(training.layout);
  }
  if (out.is_no_result && !measure.is_relative) out.missing = "no result";
  if (missing && *missing != ReportState::kDone) out.missing = state_name(*missing);
  if (missing == ReportState::kDone && input_.at) out.missing = "not reached";
  const bool is_mixed = machines.size() > 1 || layouts.size() > 1;
  if (missing && !is_mixed) out.tone = tone_of(*missing);
  if (machines.size() > 1) out.missing = plural(machines.size(), "machine");
  if (layouts.size() > 1) out.missing = plural(layouts.size(), "layout");
  mixes_layouts_ |= layouts.size() > 1;
  mixes_machines_ |= machines.size() > 1 && layouts.size() <= 1;
  if (is_mixed) return out;
  if (!machines.empty()) out.machine = *machines.begin();
  out.is_disturbed = found.empty() && !disturbed.empty();
  if (out.is_disturbed) found.swap(disturbed);
  for (const auto& [key, number] : disturbed)
    left_out_runs_.insert(*key.second);
  for (const auto& [key, number] : found) {
    out.seeds.push_back(key.first);
    if (key.second) out.runs.push_back(*key.second);
    out.values.push_back(number);
  }
  return out;
}

// Empty if the evaluation kept no counts.
const std::vector<double>& Comparison::scores_of(const std::string& run, const Measure& measure) {
  const auto [place, is_new] = scores_.try_emplace(measure.key + "/" + run);
  std::vector<double>& mean = place->second;
  if (!is_new) return mean;
  const auto directions = input_.sentences(run, measure.key);
  if (!directions.empty()) mean.resize(kResamples);
  for (const SentenceCounts& counts : directions) {
    const auto draws = draws_.try_emplace(counts.size(), counts.size()).first;
    const auto scores = draws->second.scores(counts, [&](std::span<const int64_t> sums) {
      return input_.score(run, grouped_score(measure.key).score, sums);
    });
    for (size_t i = 0; i < mean.size(); ++i)
      mean[i] += scores[i] / static_cast<double>(directions.size());
  }
  return mean;
}

std::optional<Resampled> Comparison::resampled(const Sample& sample, const Measure& measure) {
  if (!resamples_) return std::nullopt;
  Resampled out;
  out.seeds = sample.seeds;
  for (const std::string& run : sample.runs) {
    const auto& scores = scores_of(run, measure);
    if (scores.empty()) return std::nullopt;
    out.scores.push_back(scores);
  }
  return out;
}

std::optional<Comparison::Test> Comparison::test(const Sample& a, const Sample& b,
                                                 const Measure& measure) {
  const auto ours = resampled(a, measure);
  const auto theirs = ours ? resampled(b, measure) : std::nullopt;
  const Moments left = moments(a.values), right = moments(b.values);
  if (ours && theirs) {
    const auto result = compare(*ours, *theirs, left.mean - right.mean);
    if (!result) return std::nullopt;
    has_bootstrap_ = true;
    return Test{result->p, std::pair(result->low, result->high)};
  }
  const auto p = welch_p(left, right);
  if (!p) return std::nullopt;
  has_seed_test_ = true;
  return Test{*p, std::nullopt};
}

void Comparison::add_differences(const std::vector<Sample>& samples,
                                 const std::vector<ReportRow>& rows, const Measure& measure,
                                 std::vector<Cell>& cells) {
  std::vector<size_t> tested;
  std::vector<double> p;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto base = baseline_of(rows, i);
    if (!base || !samples[i].is_comparable() || !samples[*base].is_comparable()) continue;
    if (samples[i].machine != samples[*base].machine) {
      left_out_machines_ = true;
      continue;
    }
    const double reference = cells[*base].value;
    if (measure.is_relative && reference == 0) continue;
    const double scale = measure.is_relative ? std::abs(reference) : 1;
    cells[i].has_difference = true;
    cells[i].difference = (cells[i].value - reference) / scale;
    const auto found = test(samples[i], samples[*base], measure);
    if (!found) continue;
    if (found->interval)
      cells[i].interval = {found->interval->first / scale, found->interval->second / scale};
    tested.push_back(i);
    p.push_back(found->p);
  }
  const auto corrected = holm(p);
  for (size_t k = 0; k < tested.size(); ++k) {
    cells[tested[k]].p = corrected[k];
    cells[tested[k]].is_significant = corrected[k] < kSignificance;
  }
}

// Marks the best cells and those that the test cannot distinguish from them; nothing if all are
// equal.
void Comparison::mark_best(const std::vector<Sample>& samples, const Measure& measure,
                           std::vector<Cell>& cells) {
  if (measure.better == Better::kNeither) return;
  std::optional<size_t> best, worst;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!samples[i].is_comparable() || samples[i].is_no_result) continue;
    if (!best || beats(cells[i].value, cells[*best].value, measure.better)) best = i;
    if (!worst || !beats(cells[i].value, cells[*worst].value, measure.better)) worst = i;
  }
  if (!best || cells[*best].value == cells[*worst].value) return;
  std::vector<size_t> tested;
  std::vector<double> p;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!samples[i].is_comparable() || samples[i].is_no_result) continue;
    cells[i].is_best = cells[i].value == cells[*best].value;
    if (cells[i].is_best || samples[i].machine != samples[*best].machine) continue;
    const auto found = test(samples[i], samples[*best], measure);
    if (!found) continue;
    tested.push_back(i);
    p.push_back(found->p);
  }
  const auto corrected = holm(p);
  for (size_t k = 0; k < tested.size(); ++k)
    cells[tested[k]].is_tied = corrected[k] >= kSignificance;
}

// All rows of a column are tested the same way.
bool Comparison::may_resample(const std::vector<Sample>& samples, const Measure& measure) {
  if (!measure.of_evaluation || !input_.sentences || input_.at) return false;
  size_t count = 0;
  const std::string* some = nullptr;
  for (const Sample& sample : samples) {
    count += sample.runs.size();
    if (!sample.runs.empty()) some = &sample.runs.front();
  }
  if (count <= kMaxResampled) return true;
  left_out_bootstrap_ |= !scores_of(*some, measure).empty();
  return false;
}

std::vector<Cell> Comparison::cells(const std::vector<Sample>& samples,
                                    const std::vector<ReportRow>& rows, const Measure& measure) {
  std::vector<Cell> out;
  for (const Sample& sample : samples) {
    Cell cell;
    if (sample.empty()) {
      cell.text = sample.missing;
      cell.tone = sample.tone;
    } else {
      const Moments of = moments(sample.values);
      cell.is_number = true;
      cell.value = of.mean;
      cell.spread = of.spread;
      cell.count = static_cast<int64_t>(of.count);
      cell.is_disturbed = sample.is_disturbed;
      const double share = measure.depends_on == DependsOn::kMachine && of.count > 1
                               ? spread_share(sample.values)
                               : 0;
      if (share > kSteady) unsteady_.push_back({measure.label, out.size(), share});
    }
    out.push_back(std::move(cell));
  }
  resamples_ = may_resample(samples, measure);
  add_differences(samples, rows, measure, out);
  mark_best(samples, measure, out);
  return out;
}

}  // namespace xp
