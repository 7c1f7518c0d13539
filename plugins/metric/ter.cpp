// Translation edit rate, equal to sacreBLEU's: edits and shifts over words of the reference.
// Source: Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation";
// sacreBLEU 2.6.0, metrics/ter.py.
#include "engine/base/edit_rate.h"
#include "engine/base/ngrams.h"
#include "plugins/metric/line_tokenizer.h"
#include "registry/metric.h"

#include <algorithm>
#include <deque>

namespace xp {
namespace {

// Counts of a sentence: its edits times the number of references, and the words of all references,
// so that their ratio is edits over the mean length.
constexpr size_t kEdits = 0, kWords = 1, kWidth = 2;

struct Ter final : Metric {
  struct Config {
    bool lowercase = true;
    void describe(auto& field) { field("lowercase", lowercase, "compare without case"); }
  };

  explicit Ter(const Config& c) : config(c) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, kWidth, [&](const auto& hypothesis, auto references, auto out) {
      WordNumbers numbers;
      std::deque<std::string> kept;
      const auto numbered = [&](std::string_view line) {
        kept.push_back(config.lowercase ? lower_case(line) : std::string(line));
        return numbers(words(kept.back()));
      };
      const auto ours = numbered(hypothesis);
      int64_t fewest = INT64_MAX;
      for (const auto reference : references) {
        const auto theirs = numbered(reference);
        fewest = std::min(fewest, translation_edits(ours, theirs));
        out[kWords] += static_cast<int64_t>(theirs.size());
      }
      out[kEdits] = fewest * static_cast<int64_t>(references.size());
    });
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    const auto edits = static_cast<double>(sums.numbers[kEdits]);
    const auto length = static_cast<double>(sums.numbers[kWords]);
    const double rate = length > 0 ? edits / length : edits > 0 ? 1 : 0;
    return {{"ter", 100 * rate, "%",
             fmt::format("nrefs:{}|case:{}|tok:tercom|norm:no|punct:yes|asian:no|version:2.6.0",
                         sums.num_references, config.lowercase ? "lc" : "mixed"),
             false, "TER"}};
  }

  Config config;
};

XP_REGISTER(Metric, Ter, "ter", "translation edit rate with sacreBLEU's settings");

}  // namespace
}  // namespace xp
