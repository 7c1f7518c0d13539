// What the figures of a run mean: unit, which direction is better, what they depend on. This is the
// only list of them. Scores are not in it: a metric gives name, unit and direction with every score
// (registry/metric.h).
#pragma once

#include "registry/metric.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace xp {

enum class Better { kHigher, kLower, kNeither };

/// What a measure depends on besides the settings of its run: values that differ in it are never
/// averaged.
enum class DependsOn { kNothing, kLayout, kMachine };

/// One figure of a run's summary, of the curves of its training, or of its plan.
struct Measure {
  std::string key;      ///< "inter_node_bytes": its name in files, in [report] columns and in SQL
  std::string label;    ///< "inter-node": its name in tables
  std::string unit;     ///< "B/step"; tables scale bytes ("MB/step"); "" = none
  std::string meaning;  ///< one sentence without a full stop
  Better better = Better::kNeither;
  DependsOn depends_on = DependsOn::kNothing;
  bool of_evaluation = false;  ///< in the summary of the evaluation; others are in the training's
  bool is_relative = true;     ///< compared by percent; scores and losses by their difference
  int decimals = 2;            ///< of those that are compared by their difference

  bool is_bytes() const { return unit == "B" || unit.starts_with("B/"); }
};

/// Every measure but scores, in the order in which documents list them.
std::span<const Measure> declared_measures();

/// The measure of scores like `score`.
Measure measure_of(const Score& score);

/// Measures that the plan predicts: "predicted_inter_node_bytes"; and what was measured as a share
/// of that: "inter_node_bytes_vs_predicted".
constexpr std::string_view kPredicted = "predicted_", kVersusPredicted = "_vs_predicted";
/// Before the name of a score: of the validations of a training, not of its evaluation.
constexpr std::string_view kValidation = "valid_";
/// Before the name of a figure that MoE layers log: the mean over layers and parts.
constexpr std::string_view kRouter = "router_";

/// A score, and the group of directions that it is the mean of: "bleu@en-x" is of those from
/// English. An empty group is all directions.
struct GroupedScore {
  std::string score, group;
};
GroupedScore grouped_score(const std::string& key);

/// The measure that a column `key` shows; `score` answers for the names of scores. Nothing if
/// neither is `key` declared or a score, nor follows from one by the words above.
std::optional<Measure> find_measure(
    const std::string& key,
    const std::function<std::optional<Measure>(const std::string& name)>& score);

/// "mean rank" of "mean_rank".
std::string label_of(std::string key);

/// docs/columns.md: every measure, and the scores of the metrics that are registered.
std::string columns_document();

}  // namespace xp
