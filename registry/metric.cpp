// What metrics that sum over sentences share.
#include "registry/metric.h"

namespace xp {

std::vector<int64_t> sums_of(const SentenceCounts& counts) {
  std::vector<int64_t> out(counts.width);
  for (size_t i = 0; i < counts.numbers.size(); ++i)
    out[i % counts.width] += counts.numbers[i];
  return out;
}

std::vector<Score> Metric::score(const Translations& texts) const {
  const SentenceCounts counts = sentence_counts(texts);
  check(counts.width > 0, "a metric has sentence counts or a score of its own");
  const auto sums = sums_of(counts);
  return score_of({sums, counts.num_references});
}

SentenceCounts Metric::sentence_counts(const Translations&) const {
  return {};
}

std::vector<Score> Metric::score_of(const CountSums&) const {
  return {};
}

std::vector<Score> sample_scores(const Metric& metric) {
  const std::vector<std::string> text = {"a"};
  return metric.score({text, text, text});
}

}  // namespace xp
