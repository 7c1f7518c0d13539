// chrF2, equal to sacreBLEU's: character n-grams up to 6, recall counted twice, no white space.
// Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation"; sacreBLEU
// 2.6.0, metrics/chrf.py.
#include "engine/base/ngrams.h"
#include "registry/metric.h"

#include <algorithm>

namespace xp {
namespace {

constexpr size_t kOrder = 6;
constexpr double kRecallWeight = 4;  // beta squared

// Places of a sentence's counts: n-grams of each side and matches, by order.
constexpr size_t kHypothesis = 0, kReference = kOrder, kMatches = 2 * kOrder, kWidth = 3 * kOrder;

std::vector<uint32_t> letters(std::string_view text) {
  std::string joined;
  joined.reserve(text.size());
  for (const std::string_view word : words(text))
    joined += word;
  return code_points(joined);
}

void count(const std::string& hypothesis, const std::string& reference, NgramMatcher& matcher,
           std::span<int64_t> out) {
  const auto ours = letters(hypothesis), theirs = letters(reference);
  const auto matches = matcher.match(ours, theirs);
  // An order that the reference is too short for does not count against the hypothesis.
  for (size_t n = 0; n < std::min(kOrder, theirs.size()); ++n) {
    if (ours.size() > n) out[kHypothesis + n] = static_cast<int64_t>(ours.size() - n);
    out[kReference + n] = static_cast<int64_t>(theirs.size() - n);
    out[kMatches + n] = matches[n];
  }
}

double chrf(std::span<const int64_t> sums) {
  double precision = 0, recall = 0;
  int orders = 0;
  for (size_t n = 0; n < kOrder; ++n) {
    if (sums[kHypothesis + n] == 0 || sums[kReference + n] == 0) continue;
    const auto matches = static_cast<double>(sums[kMatches + n]);
    precision += matches / static_cast<double>(sums[kHypothesis + n]);
    recall += matches / static_cast<double>(sums[kReference + n]);
    ++orders;
  }
  if (orders == 0 || precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kRecallWeight) * precision * recall / (kRecallWeight * precision + recall);
}

struct Chrf final : Metric {
  struct Config {
    void describe(auto&) {}
  };

  explicit Chrf(const Config&) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    NgramMatcher matcher(kOrder);
    return counted(texts, kWidth,
                   [&](const auto& ours, const auto& theirs, std::span<int64_t> out) {
                     count(ours, theirs, matcher, out);
                   });
  }

  std::vector<Score> score_of(std::span<const int64_t> sums) const override {
    return {{"chrf", chrf(sums), "", "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0",
             true, "chrF"}};
  }
};

XP_REGISTER(Metric, Chrf, "chrf", "chrF2 with sacreBLEU's settings");

}  // namespace
}  // namespace xp
