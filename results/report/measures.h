// The measures that one report can show, and how a column of one is printed.
#pragma once

#include "registry/measure.h"
#include "registry/renderer.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace xp {

/// The declared measures, the scores of the report's evaluations, and what follows from both:
/// "predicted_X", "X_vs_predicted", "valid_SCORE" and "router_X".
class Measures {
 public:
  Measures() = default;
  /// `scores` may name a score several times. One whose evaluations disagree about unit or
  /// direction has neither.
  explicit Measures(const std::vector<Score>& scores);

  /// Nothing if `key` is neither declared nor a known score.
  std::optional<Measure> find(const std::string& key) const;
  /// For a `key` that nothing declares: a score without unit or direction.
  Measure of(const std::string& key) const;

 private:
  std::map<std::string, Measure> scores_;
};

/// The column of a measure whose scale and decimals suit `values`: three figures of the smallest
/// or, if the largest is more than a hundred times that, one. Whole numbers have no decimals,
/// scores and losses fixed ones.
Column column_of(const Measure& measure, std::span<const double> values);

}  // namespace xp
