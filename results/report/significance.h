// Tests of whether systems differ from the first one, equal to sacreBLEU's for the same seed.
// Source: Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation"; Riezler
// and Maxwell 2005, "On Some Pitfalls in Automatic Evaluation and Significance Testing for MT";
// sacreBLEU 2.6.0, significance.py.
#pragma once

#include "registry/metric.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace xp {

enum class PairedTest { kBootstrap, kRandomization };

struct PairedRule {
  PairedTest test = PairedTest::kBootstrap;
  size_t rounds = 0;      ///< 0 = sacreBLEU's: 1000 resamples, 10000 randomizations
  uint32_t seed = 12345;  ///< sacreBLEU's

  size_t num_rounds() const;
};

/// One system of several.
struct PairedResult {
  double score = 0;
  /// Of bootstrap resamples: their mean, and half the width of the interval that holds 95 % of
  /// them.
  std::optional<double> mean, interval;
  std::optional<double> p;  ///< of no difference to the first system, which has none
};

/// The score that summed counts give.
using ScoreOfSums = std::function<double(std::span<const int64_t>)>;

/// `systems` are the counts of the same sentences by one metric; the first is the baseline. Raises
/// kBug if their numbers of sentences differ. Cost: one score for each round and system.
///
/// sacreBLEU adds up resamples in single precision, so that its means and intervals agree to six
/// digits, and to all digits of its p.
std::vector<PairedResult> paired_results(const PairedRule& rule,
                                         const std::vector<SentenceCounts>& systems,
                                         const ScoreOfSums& score);

}  // namespace xp
