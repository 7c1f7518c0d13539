// chrF2, equal to sacreBLEU's: character n-grams up to 6, recall counted twice, no white space.
// Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation"; sacreBLEU
// 2.6.0, metrics/chrf.py.
#include "engine/base/ngrams.h"
#include "registry/metric.h"

#include <algorithm>
#include <array>

namespace xp {
namespace {

constexpr size_t kOrder = 6;
constexpr double kRecallWeight = 4;  // beta squared

struct Counts {
  std::array<int64_t, kOrder> hypothesis{}, reference{}, matches{};
};

std::vector<uint32_t> letters(std::string_view text) {
  std::string joined;
  joined.reserve(text.size());
  for (const std::string_view word : words(text))
    joined += word;
  return code_points(joined);
}

void add(const std::string& hypothesis, const std::string& reference, NgramMatcher& matcher,
         Counts& counts) {
  const auto ours = letters(hypothesis), theirs = letters(reference);
  const auto matches = matcher.match(ours, theirs);
  // An order that the reference is too short for does not count against the hypothesis.
  for (size_t n = 0; n < std::min(kOrder, theirs.size()); ++n) {
    if (ours.size() > n) counts.hypothesis[n] += static_cast<int64_t>(ours.size() - n);
    counts.reference[n] += static_cast<int64_t>(theirs.size() - n);
    counts.matches[n] += matches[n];
  }
}

double chrf(const Counts& counts) {
  double precision = 0, recall = 0;
  int orders = 0;
  for (size_t n = 0; n < kOrder; ++n) {
    if (counts.hypothesis[n] == 0 || counts.reference[n] == 0) continue;
    const auto matches = static_cast<double>(counts.matches[n]);
    precision += matches / static_cast<double>(counts.hypothesis[n]);
    recall += matches / static_cast<double>(counts.reference[n]);
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

  std::vector<Score> score(std::span<const std::string> hypotheses,
                           std::span<const std::string> references,
                           const std::string&) const override {
    check(hypotheses.size() == references.size(), "every hypothesis has one reference");
    NgramMatcher matcher(kOrder);
    Counts counts;
    for (size_t i = 0; i < hypotheses.size(); ++i)
      add(hypotheses[i], references[i], matcher, counts);
    return {{"chrf", chrf(counts), "",
             "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0", true}};
  }
};

XP_REGISTER(Metric, Chrf, "chrf", "chrF2 with sacreBLEU's settings");

}  // namespace
}  // namespace xp
