// BLEU, equal to sacreBLEU's, with each of its tokenizers: exponential smoothing, case kept.
// Source: Papineni et al. 2002, "BLEU"; Post 2018, "A Call for Clarity in Reporting BLEU Scores";
// sacreBLEU 2.6.0, metrics/bleu.py.
#include "engine/base/ngrams.h"
#include "plugins/metric/line_tokenizer.h"
#include "registry/metric.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace xp {
namespace {

constexpr size_t kOrder = 4;

// Counts of a sentence, and their places: both lengths in words, then matches and n-grams by order.
constexpr size_t kHypothesis = 0, kReference = 1, kMatches = 2, kTotals = kMatches + kOrder,
                 kWidth = kTotals + kOrder;

// Of several references the length that is nearest to the hypothesis, the shorter one of two.
int64_t nearest_length(int64_t hypothesis, std::span<const std::vector<uint32_t>> references) {
  int64_t best = -1;
  for (const auto& reference : references) {
    const auto size = static_cast<int64_t>(reference.size());
    const auto key = [&](int64_t length) {
      return std::pair(std::abs(hypothesis - length), length);
    };
    if (best < 0 || key(size) < key(best)) best = size;
  }
  return best;
}

// Counts sentences; remembers nothing of them but its memory.
class Counter {
 public:
  Counter(const LineTokenizer& tokenizer, bool lowercase)
      : tokenizer_(tokenizer), lowercase_(lowercase) {}

  void operator()(const std::string& hypothesis, std::span<const std::string_view> references,
                  std::span<int64_t> out) {
    numbers_.clear();
    texts_.clear();
    const auto ours = numbered(hypothesis);
    std::vector<std::vector<uint32_t>> theirs;
    for (const auto reference : references)
      theirs.push_back(numbered(reference));
    const auto matches = matcher_.match(ours, theirs);
    out[kHypothesis] = static_cast<int64_t>(ours.size());
    out[kReference] = nearest_length(out[kHypothesis], theirs);
    for (size_t n = 0; n < kOrder; ++n) {
      out[kMatches + n] = matches[n];
      if (ours.size() > n) out[kTotals + n] = static_cast<int64_t>(ours.size() - n);
    }
  }

 private:
  std::vector<uint32_t> numbered(std::string_view line) {
    texts_.push_back(tokenizer_.tokenized(lowercase_ ? lower_case(line) : std::string(line)));
    return numbers_(words(texts_.back()));
  }

  const LineTokenizer& tokenizer_;
  bool lowercase_;
  NgramMatcher matcher_{kOrder};
  WordNumbers numbers_;  // of words in texts_
  std::deque<std::string> texts_;
};

// `is_sentence`: orders that a sentence is too short for are left out, else they make the score 0.
double bleu(std::span<const int64_t> sums, bool is_sentence) {
  const auto matches = sums.subspan(kMatches, kOrder), totals = sums.subspan(kTotals, kOrder);
  if (std::all_of(matches.begin(), matches.end(), [](int64_t n) { return n == 0; })) return 0;
  const auto hypothesis = static_cast<double>(sums[kHypothesis]);
  const auto reference = static_cast<double>(sums[kReference]);
  const double brevity = hypothesis < reference ? std::exp(1 - reference / hypothesis) : 1;
  double log_sum = 0, smooth = 1;
  size_t order = 0;
  for (; order < kOrder && totals[order] > 0; ++order) {
    const auto total = static_cast<double>(totals[order]);
    if (matches[order] == 0) smooth *= 2;
    const double precision = matches[order] == 0
                                 ? 100 / (smooth * total)
                                 : 100 * static_cast<double>(matches[order]) / total;
    log_sum += std::log(precision);
  }
  if (order < kOrder && !is_sentence) return 0;
  return brevity * std::exp(log_sum / static_cast<double>(order));
}

// BLEU under the name and label of one of the components below.
struct AnyBleu : Metric {
  AnyBleu(std::string score_name, std::string score_label, LineTokenizer words, bool no_case)
      : name(std::move(score_name)),
        label(std::move(score_label)),
        tokenizer(std::move(words)),
        lowercase(no_case) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, kWidth, Counter(tokenizer, lowercase));
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    return {{name, bleu(sums.numbers, sums.is_sentence), "",
             fmt::format("nrefs:{}|case:{}|eff:{}|tok:{}|smooth:exp|version:2.6.0",
                         sums.num_references, lowercase ? "lc" : "mixed",
                         sums.is_sentence ? "yes" : "no", tokenizer.signature),
             true, label}};
  }

  std::string name, label;
  LineTokenizer tokenizer;
  bool lowercase;
};

struct Bleu final : AnyBleu {
  struct Config {
    std::string tokenizer = "13a", model;
    bool lowercase = false;

    void describe(auto& field) {
      field("tokenizer", tokenizer, "sacreBLEU's name of what cuts lines into words",
            one_of(line_tokenizer_names()));
      field("model", model,
            "the SentencePiece model of flores101 or flores200, or the folder of ko-mecab", any(),
            Scope::kNone);
      field("lowercase", lowercase, "compare without case");
    }
  };

  explicit Bleu(const Config& c)
      : AnyBleu("bleu", "BLEU", make_line_tokenizer(c.tokenizer, c.model), c.lowercase) {}
};

XP_REGISTER(Metric, Bleu, "bleu", "corpus BLEU, equal to sacreBLEU's, with any of its tokenizers");

// BLEU with one tokenizer, for [eval] metrics, which names metrics without settings.
template <class Name>
struct BleuOf final : AnyBleu {
  struct Config {
    bool lowercase = false;
    void describe(auto& field) { field("lowercase", lowercase, "compare without case"); }
  };

  explicit BleuOf(const Config& c)
      : AnyBleu(fmt::format("bleu-{}", Name::kTokenizer),
                fmt::format("BLEU ({})", Name::kTokenizer), make_line_tokenizer(Name::kTokenizer),
                c.lowercase) {}
};

struct Intl {
  static constexpr const char* kTokenizer = "intl";
};
struct Char {
  static constexpr const char* kTokenizer = "char";
};
struct Zh {
  static constexpr const char* kTokenizer = "zh";
};
using BleuIntl = BleuOf<Intl>;
using BleuChar = BleuOf<Char>;
using BleuZh = BleuOf<Zh>;

XP_REGISTER(Metric, BleuIntl, "bleu-intl", "BLEU, words by the punctuation and symbols of Unicode");
XP_REGISTER(Metric, BleuChar, "bleu-char", "BLEU of characters");
XP_REGISTER(Metric, BleuZh, "bleu-zh", "BLEU of Chinese characters and Western words");

}  // namespace
}  // namespace xp
