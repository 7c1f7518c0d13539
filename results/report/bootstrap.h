// Paired bootstrap: how much of a difference is due to the sentences and seeds that happened to be
// tested. Source: Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
#pragma once

#include "registry/metric.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace xp {

/// Every comparison draws this often, and always the same sentences: text i of n sentences is the
/// same selection for every system, which makes the comparisons paired and repeatable.
constexpr size_t kResamples = 1000;

/// Sentence numbers, `sentences` of them, drawn with replacement for resample `round`.
std::vector<uint32_t> resample(size_t round, size_t sentences);

/// Texts of so many sentences, weighted anew in each round. Cost: two bytes a sentence and round.
class Resamples {
 public:
  /// kResamples rounds of `resample`.
  explicit Resamples(size_t sentences);
  /// `draw` writes how often each sentence counts in a round to a zeroed list.
  Resamples(size_t sentences, size_t rounds,
            const std::function<void(size_t round, std::span<int16_t> times)>& draw);

  /// The score of `counts`, of so many sentences, summed over each resample. Cost: a few
  /// milliseconds for thousands of sentences.
  std::vector<double> scores(const SentenceCounts& counts,
                             const std::function<double(std::span<const int64_t>)>& score) const;
  /// The sums themselves, [round][number].
  std::vector<int64_t> sums(const SentenceCounts& counts) const;

 private:
  size_t sentences_, rounds_;
  std::vector<int16_t> times_;  ///< [round][sentence, padded]: how often it was drawn
};

/// One system: a list of resampled scores per seed. Seeds are those of the trainings.
struct Resampled {
  std::vector<int64_t> seeds;
  std::vector<std::vector<double>> scores;  ///< [seed][resample]
};

/// What resampling says about mean(system) - mean(baseline).
struct BootstrapResult {
  double p = 1;              ///< two-sided, of no difference: (1 + as far from its mean as the
                             ///< difference is from 0) / (1 + resamples)
  double low = 0, high = 0;  ///< where 95 % of the resampled differences lie
};

/// Hierarchical if there are several seeds: each resample first draws seeds with replacement, the
/// same for both sides if both have the same seeds. Nothing if a side is empty. `difference` is the
/// observed one.
std::optional<BootstrapResult> compare(const Resampled& system, const Resampled& baseline,
                                       double difference);

}  // namespace xp
