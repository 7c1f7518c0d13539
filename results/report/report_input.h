// What a report is made of: points, their runs, and ways to ask for what costs time.
#pragma once

#include "registry/metric.h"
#include "registry/renderer.h"
#include "results/report/measures.h"
#include "results/runs/records.h"
#include "results/runs/workspace.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xp {

class Store;

/// The state of a run as reports tell it. Of several runs in one cell the last of these counts.
enum class ReportState { kDone, kNotRun, kStopped, kRunning, kDamaged, kFailed };
std::string_view state_name(ReportState state);  ///< "done", "not run", ...

/// What a report knows about one run.
struct ReportRun {
  ReportState state = ReportState::kNotRun;
  std::string cause;  ///< why it failed
  Value summary = Value::object();
  std::string layout{};   ///< nodes x ranks: "2x4"
  std::string machine{};  ///< host, devices and who shared them: what speed is keyed by
  int64_t ranks = 1;
  double ended_s = 0;  ///< seconds since 1970; 0 if it has not ended
};

/// One metric over the updates.
using Series = std::vector<std::pair<int64_t, double>>;

/// An amount of something that training spends.
struct Budget {
  std::string kind;  ///< updates, tokens, hours, total_inter_node_bytes or device_hours
  double value = 0;
  std::string text;  ///< as typed
};

/// A prepared corpus: the content of its stats.json.
struct ReportCorpus {
  std::string id;
  Value stats;
};

/// One direction of a subset as several evaluations translated it; line i of each list belongs
/// together.
struct TranslatedTexts {
  std::string direction;
  std::vector<std::string> sources, references;
  std::vector<std::vector<std::string>> hypotheses;  ///< of each evaluation; empty: it has none
  std::vector<uint32_t> num_pieces{};                ///< of each source; empty: not known
};

/// All a report is made of.
struct ReportInput {
  std::string name, description;  ///< of the experiment
  std::string words;  ///< its file and options as typed, quoted, for the commands under the table
  std::vector<ReportPoint> points;
  std::map<std::string, ReportRun> runs;                ///< by id; absent = not run
  Measures measures;                                    ///< what columns can name
  std::function<bool(const ReportPoint&)> where;        ///< points to show; empty = all
  std::function<bool(const ReportPoint&)> is_baseline;  ///< empty = no differences
  /// A setting that is no axis, for [report] rows; null if the point has none. May be empty.
  std::function<Value(const ReportPoint&, const std::string& name)> setting;
  /// Whether a point measures time and bytes only: its quality is none. May be empty.
  std::function<bool(const ReportPoint&)> is_no_result{};
  /// The unit of a setting by its path; "" if it has none. May be empty.
  std::function<std::string(const std::string& path)> unit_of;
  /// The names in [eval] metrics of a point. May be empty: nothing is known then.
  std::function<std::vector<std::string>(const ReportPoint&)> metrics;
  /// Names of metrics that are no component's but the experiment's own.
  std::set<std::string> own_metrics{};
  /// The counts of each sentence of the subset that the summary is of, one text per direction;
  /// none if they were not kept. May be empty: comparisons then know seeds only.
  std::function<std::vector<SentenceCounts>(const std::string& evaluation,
                                            const std::string& metric)>
      sentences;
  /// The score that summed counts of an evaluation give.
  std::function<double(const std::string& evaluation, const std::string& metric,
                       std::span<const int64_t> sums)>
      score;
  /// A metric of a training over its updates; for `at` and the details of a page.
  std::function<Series(const std::string& training, const std::string& metric)> series;
  std::vector<ReportCorpus> corpora;  ///< for the details of a page
  std::string corpus;                 ///< what the experiment calls it: "gettext, en-fr"
  /// The first subset as `evaluations` translated it, for the details of a page; no sources if none
  /// did. May be empty.
  std::function<TranslatedTexts(const std::vector<std::string>& evaluations)> translations;
  /// Scores the sentences of a page. May be null.
  std::shared_ptr<const Metric> sentence_metric{};
  std::optional<Budget> at;          ///< compare at an equal budget instead of at the end
  std::vector<std::string> notes{};  ///< what else is to be said below the table

  /// nullptr if that run of `point` was not run.
  const ReportRun* run(const ReportPoint& point, RunKind kind) const;
  /// Of the training, or of the evaluation if that is done.
  ReportState state(const ReportPoint& point) const;
};

/// The runs of `points`: finished ones from the store, the others from their folders ("running"
/// only while somebody holds the lease).
std::map<std::string, ReportRun> report_runs(const Workspace& workspace, const Store& store,
                                             const std::vector<ReportPoint>& points);

/// What columns of a report about `points` can name: the declared measures, the scores that their
/// evaluations gave, `expected` ones that they will give, and those of this tree's metrics.
Measures report_measures(const Store& store, const std::vector<ReportPoint>& points,
                         const std::vector<Score>& expected = {});

/// Those of `ids` that are prepared and whose statistics can be read, each once.
std::vector<ReportCorpus> report_corpora(const Workspace& workspace,
                                         const std::vector<std::string>& ids);

/// What `translations` of a report's input gives, without pieces: the first direction of the first
/// subset.
TranslatedTexts report_translations(const Workspace& workspace, const Store& store,
                                    const std::string& corpus,
                                    const std::vector<std::string>& evaluations);

/// Columns of scores of evaluations, such as "bleu" and "bleu@low", which the first subset of each
/// evaluation decides.
class DirectionScores {
 public:
  /// `groups` are those of [report].
  DirectionScores(const Workspace& workspace, const Store& store, std::vector<std::string> groups)
      : workspace_(workspace), store_(store), groups_(std::move(groups)) {}

  /// The mean over the directions of the column's group; nothing if it has none.
  std::optional<double> mean(const std::string& evaluation, const std::string& column) const;
  /// What `sentences` of a report's input gives: none unless every direction of the group kept its
  /// counts.
  std::vector<SentenceCounts> sentences(const std::string& evaluation,
                                        const std::string& column) const;

 private:
  std::vector<SubsetScore> scores(const std::string& evaluation, const std::string& column) const;

  const Workspace& workspace_;
  const Store& store_;
  std::vector<std::string> groups_;
};

/// Adds the means of columns with groups to the summaries of evaluations, where the other scores
/// are.
void add_groups(const DirectionScores& scores, const std::vector<std::string>& columns,
                ReportInput& input);

}  // namespace xp
