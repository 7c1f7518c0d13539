// What a report is made of: points, their runs, and ways to ask for what costs time.
#pragma once

#include "registry/metric.h"
#include "registry/renderer.h"
#include "results/report/measures.h"
#include "results/runs/records.h"
#include "results/runs/workspace.h"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace xp {

class Store;

/// What a report knows about one run.
struct ReportRun {
  /// "done", "failed", "damaged", "running", "stopped" or "not run"
  std::string state = "not run";
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
  /// The unit of a setting by its path; "" if it has none. May be empty.
  std::function<std::string(const std::string& path)> unit_of;
  /// The names in [eval] metrics of a point. May be empty: nothing is known then.
  std::function<std::vector<std::string>(const ReportPoint&)> metrics;
  /// The counts of each sentence of the subset that the summary is of, one text per direction;
  /// none where they were not kept. May be empty: comparisons then know seeds only.
  std::function<std::vector<SentenceCounts>(const std::string& evaluation,
                                            const std::string& metric)>
      sentences;
  /// The score that summed counts give.
  std::function<double(const std::string& metric, std::span<const int64_t> sums)> score;
  /// A metric of a training over its updates; for `at` and the details of a page.
  std::function<Series(const std::string& training, const std::string& metric)> series;
  std::vector<ReportCorpus> corpora;  ///< for the details of a page
  std::string corpus;                 ///< what the experiment calls it: "gettext, en-fr"
  /// Some sentences of the first subset with what each of `evaluations` made of them, for the
  /// details of a page; "" for one that has not. May be empty.
  std::function<std::vector<TranslatedSentence>(const std::vector<std::string>& evaluations)>
      translations;
  std::optional<Budget> at;  ///< compare at an equal budget instead of at the end

  /// nullptr if that run of `point` was not run.
  const ReportRun* run(const ReportPoint& point, RunKind kind) const;
};

/// The runs of `points`: finished ones from the store, the others from their folders ("running"
/// only while somebody holds the lease).
std::map<std::string, ReportRun> report_runs(const Workspace& workspace, const Store& store,
                                             const std::vector<ReportPoint>& points);

/// What columns of a report about `points` can name: the declared measures, the scores that their
/// evaluations gave, and those of this tree's metrics.
Measures report_measures(const Store& store, const std::vector<ReportPoint>& points);

/// Those of `ids` that are prepared and whose statistics can be read, each once.
std::vector<ReportCorpus> report_corpora(const Workspace& workspace,
                                         const std::vector<std::string>& ids);

/// What `translations` of a report's input gives: at most `count` sentences, spread evenly over the
/// first direction of the first subset; none if its text or every hypothesis is missing.
std::vector<TranslatedSentence> report_translations(const Workspace& workspace, const Store& store,
                                                    const std::string& corpus,
                                                    const std::vector<std::string>& evaluations,
                                                    size_t count);

/// What `sentences` of a report's input gives: none unless every direction of the first subset kept
/// its counts of `metric`.
std::vector<SentenceCounts> report_sentences(const Workspace& workspace, const Store& store,
                                             const std::string& evaluation,
                                             const std::string& metric);

}  // namespace xp
