// Translations into another language than was asked for, as far as the script shows it: what
// multilingual models do most in directions that they were not trained in.
// Source: Zhang et al. 2020, "Improving Massively Multilingual Neural Machine Translation and
// Zero-Shot Translation", who identify the language; a script needs no model for that.
#include "engine/data/cleaning.h"
#include "registry/metric.h"

#include <algorithm>

namespace xp {
namespace {

// Counts of a sentence: 1 if it is in another script, and 1.
constexpr size_t kOther = 0, kSentences = 1, kWidth = 2;

struct OffTarget final : Metric {
  struct Config {
    void describe(auto&) {}
  };

  explicit OffTarget(const Config&) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, kWidth, [&](const auto& hypothesis, auto, auto out) {
      out[kOther] = is_in_script_of(texts.target_language, hypothesis) ? 0 : 1;
      out[kSentences] = 1;
    });
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    const auto sentences = static_cast<double>(std::max<int64_t>(1, sums.numbers[kSentences]));
    return {{"off-target", 100 * static_cast<double>(sums.numbers[kOther]) / sentences, "%",
             "by:script", false, "off-target"}};
  }
};

XP_REGISTER(Metric, OffTarget, "off-target",
            "translations of which most letters are not of the target language's script");

}  // namespace
}  // namespace xp
