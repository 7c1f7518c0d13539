// Runs to cells: means over seeds, differences to a baseline and whether they are significant.
#pragma once

#include "results/report/bootstrap.h"
#include "results/report/measures.h"
#include "results/report/report_rows.h"
#include "results/report/statistics.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// A difference is significant if its corrected p is below this.
constexpr double kSignificance = 0.05;

/// Times of runs of one row that differ by more than this share of their mean are pointed out.
constexpr double kSteady = 0.2;

/// Speed is disturbed if other programs kept more than this share of a run's machine busy.
constexpr double kMaxOtherLoad = 0.1;

/// A row whose runs differ in speed although they are alike.
struct Unsteady {
  std::string measure;  ///< its label
  size_t row = 0;       ///< in the order of the grouped rows
  double share = 0;     ///< (largest - smallest) / mean
};

/// The measure that a column predicts or compares with its prediction: "step_ms" of
/// "predicted_step_ms" and of "step_ms_vs_predicted"; others as they are.
std::string without_prediction(const std::string& column);

/// Whether the evaluation of `point` does not compute a column's score: a metric of that name is
/// known and not in the point's [eval] metrics.
bool is_left_out(const ReportInput& input, const ReportPoint& point, const std::string& column);

/// The values of the points of one row in one metric, one per run, in the order of the seeds.
struct Sample {
  std::vector<double> values;
  std::vector<int64_t> seeds;
  std::vector<std::string> runs;  ///< none for a prediction of runs whose ids are not known
  std::string machine;            ///< on which speed was measured; "" for other measures
  std::string missing;  ///< why there is no value, or why they cannot be averaged; "" if the runs
                        ///< do not measure it
  Tone tone = Tone::kQuiet;   ///< of `missing`
  bool is_disturbed = false;  ///< speed of runs that were all disturbed by other programs
  bool is_no_result = false;  ///< of points that measure time only: never the best

  bool empty() const { return values.empty(); }
  /// Whether its mean may be set against those of other rows.
  bool is_comparable() const { return !empty() && !is_disturbed; }
};

/// Reads samples and compares them.
class Comparison {
 public:
  Comparison(const ReportSection& section, const ReportInput& input)
      : input_(input), pools_layout_(pools_layout(section)) {}

  /// Speed on different machines or layouts, bytes of different layouts and, unless the report
  /// pools them, quality of different layouts are not averaged: the sample is then empty and says
  /// "2 machines" or "2 layouts". Speeds that other programs disturbed are left out if the row has
  /// others.
  Sample sample(const std::vector<const ReportPoint*>& points, const Measure& measure);

  /// The cells of one column: `samples` and `baselines` by row.
  std::vector<Cell> cells(const std::vector<Sample>& samples, const std::vector<ReportRow>& rows,
                          const Measure& measure);

  /// Whether a comparison was left out because there are too many evaluations to resample.
  bool left_out_bootstrap() const { return left_out_bootstrap_; }
  /// Whether a difference was left out because speed was measured on different machines.
  bool left_out_machines() const { return left_out_machines_; }
  /// Whether a sample is empty because its runs are of several machines, or of several layouts.
  bool mixes_machines() const { return mixes_machines_; }
  bool mixes_layouts() const { return mixes_layouts_; }
  /// Disturbed runs whose speed was left out of a row's mean.
  const std::set<std::string>& left_out_runs() const { return left_out_runs_; }
  /// Whether any comparison resampled sentences, and whether any had seeds only.
  bool has_bootstrap() const { return has_bootstrap_; }
  bool has_seed_test() const { return has_seed_test_; }
  /// Rows of one machine and layout whose times or speeds spread by more than kSteady.
  const std::vector<Unsteady>& unsteady() const { return unsteady_; }

 private:
  struct Test {
    double p = 1;
    std::optional<std::pair<double, double>> interval;
  };
  std::optional<Test> test(const Sample& a, const Sample& b, const Measure& measure);
  bool may_resample(const std::vector<Sample>& samples, const Measure& measure);
  std::optional<Resampled> resampled(const Sample& sample, const Measure& measure);
  const std::vector<double>& scores_of(const std::string& run, const Measure& measure);
  void add_differences(const std::vector<Sample>& samples, const std::vector<ReportRow>& rows,
                       const Measure& measure, std::vector<Cell>& cells);
  void mark_best(const std::vector<Sample>& samples, const Measure& measure,
                 std::vector<Cell>& cells);
  std::optional<double> value(const ReportPoint& point, const ReportRun& measured,
                              const Measure& measure) const;
  ReportState stage(const ReportPoint& point, const Measure& measure) const;

  const ReportInput& input_;
  bool pools_layout_;
  std::map<size_t, Resamples> draws_;                  ///< by number of sentences
  std::map<std::string, std::vector<double>> scores_;  ///< metric/run -> resampled
  std::vector<Unsteady> unsteady_;
  std::set<std::string> left_out_runs_;
  bool resamples_ = true;  ///< in the column at hand
  bool left_out_bootstrap_ = false, left_out_machines_ = false, has_bootstrap_ = false,
       has_seed_test_ = false, mixes_machines_ = false, mixes_layouts_ = false;
};

}  // namespace xp
