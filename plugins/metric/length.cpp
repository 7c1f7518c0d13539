// Lengths of translations beside those of their references, in words between spaces: a model that
// stops early or repeats itself shows here before it shows in BLEU.
// Source: none; counted per sentence, where the length ratio printed with BLEU lets errors cancel.
#include "engine/base/ngrams.h"
#include "registry/metric.h"

#include <algorithm>

namespace xp {
namespace {

// Counts of a sentence: words too many or too few beside the reference of the nearest length, words
// of that, whether both are equal, and 1.
constexpr size_t kError = 0, kWords = 1, kExact = 2, kSentences = 3, kWidth = 4;

struct Length final : Metric {
  struct Config {
    void describe(auto&) {}
  };

  explicit Length(const Config&) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, kWidth, [](const auto& hypothesis, auto references, auto out) {
      const auto ours = static_cast<int64_t>(words(hypothesis).size());
      out[kError] = -1;
      for (const auto reference : references) {
        const auto theirs = static_cast<int64_t>(words(reference).size());
        const int64_t error = std::abs(ours - theirs);
        if (out[kError] >= 0 && error >= out[kError]) continue;
        out[kError] = error;
        out[kWords] = theirs;
      }
      out[kExact] = out[kError] == 0 ? 1 : 0;
      out[kSentences] = 1;
    });
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    const auto percent = [&](size_t part, size_t whole) {
      const auto of = static_cast<double>(std::max<int64_t>(1, sums.numbers[whole]));
      return 100 * static_cast<double>(sums.numbers[part]) / of;
    };
    const std::string signature = fmt::format("nrefs:{}|words:spaces", sums.num_references);
    return {{"length", percent(kExact, kSentences), "%", signature, true, "exact length"},
            {"length_error", percent(kError, kWords), "%", signature, false, "length error"}};
  }
};

XP_REGISTER(
    Metric, Length, "length",
    "words beside the reference's: translations of the same length, words too many or too few");

}  // namespace
}  // namespace xp
