// What a metric is called on screen, its unit, which way is better, and which run measures it.
#pragma once

#include "registry/renderer.h"

#include <span>
#include <string>
#include <string_view>

namespace xp {

/// Better is more, less, or neither.
enum class Better { kMore, kLess, kNeither };

/// What a metric depends on besides the settings of its run: values that differ in it are never
/// averaged.
enum class Depends { kNothing, kLayout, kMachine };

/// Metrics that the plan foretells: "predicted_inter_node_bytes"; and what was measured as a share
/// of that: "inter_node_bytes_vs_predicted".
constexpr std::string_view kPredicted = "predicted_", kVersusPredicted = "_vs_predicted";

/// How one metric of a summary is shown.
struct Measure {
  std::string key;         ///< "inter_node_bytes"
  std::string name, unit;  ///< "inter-node", "/step": a unit that begins with / follows that of
                           ///< the scale ("MB/step")
  Better better = Better::kMore;
  bool of_evaluation = false;  ///< in the summary of the evaluation; others are in the training's
  bool is_relative = true;     ///< compared by percent; scores and losses by their difference
  bool is_bytes = false;
  Depends depends = Depends::kNothing;
};

/// What is known about a metric; one that is not in the list is judged by the end of its name
/// (_bytes, _ms, _seconds, _per_second, loss, perplexity) and its beginning (train_, valid_,
/// eval_).
Measure measure_of(const std::string& key);

/// The column of a metric whose scale and decimals suit `values`: three figures of the smallest
/// or, where the largest is more than a hundred times that, one. Scores keep two decimals, losses
/// three.
Column column_of(const Measure& measure, std::span<const double> values);

}  // namespace xp
