// ROUGE-L: how much of both texts is one common subsequence of words, as an F-score, averaged over
// sentences.
// Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3, beta 1.
#include "engine/base/text.h"
#include "engine/base/to_integer.h"
#include "registry/metric.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Counts are integers, so that any selection of sentences sums up exactly.
constexpr double kParts = 1e9;
constexpr size_t kScore = 0, kSentences = 1, kWidth = 2;

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (auto& word : split(text, ' ')) {
    if (!word.empty()) out.push_back(std::move(word));
  }
  return out;
}

// Length of the longest common subsequence.
size_t common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<size_t> above(b.size() + 1), row(b.size() + 1);
  for (const auto& word : a) {
    for (size_t j = 0; j < b.size(); ++j)
      row[j + 1] = word == b[j] ? above[j] + 1 : std::max(row[j], above[j + 1]);
    above = row;
  }
  return above.back();
}

double rouge(const std::string& hypothesis, const std::string& reference) {
  const auto ours = words(hypothesis), theirs = words(reference);
  const double size = static_cast<double>(ours.size() + theirs.size());
  return size == 0 ? 0 : 2 * static_cast<double>(common(ours, theirs)) / size;
}

struct Rouge final : Metric {
  struct Config {
    static constexpr const char* kVersion = "1";
    void describe(auto&) {}
  };

  explicit Rouge(const Config&) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, kWidth, [](const auto& ours, auto references, std::span<int64_t> out) {
      double best = 0;  // of several references
      for (const auto reference : references)
        best = std::max(best, rouge(ours, std::string(reference)));
      out[kScore] = to_nearest_integer(kParts * best);
      out[kSentences] = 1;
    });
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    const double sentences = static_cast<double>(std::max<int64_t>(sums.numbers[kSentences], 1));
    const double score = 100 * static_cast<double>(sums.numbers[kScore]) / kParts / sentences;
    return {{"rouge-l", score, "", "ROUGE-L|beta:1|words:spaces", true}};
  }
};

XP_REGISTER(Metric, Rouge, "rouge-l", "longest common subsequence of words, F-score");

}  // namespace
}  // namespace xp
