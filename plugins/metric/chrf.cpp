// chrF2 and chrF2++, equal to sacreBLEU's: character n-grams up to 6 without white space, in chrF++
// also word n-grams up to 2; recall counted twice.
// Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation"; Popovic 2017,
// "chrF++: words helping character n-grams"; sacreBLEU 2.6.0, metrics/chrf.py.
#include "engine/base/ngrams.h"
#include "engine/base/utf8.h"
#include "plugins/metric/line_tokenizer.h"
#include "registry/metric.h"

#include <algorithm>
#include <deque>

namespace xp {
namespace {

constexpr size_t kLetterOrder = 6;
constexpr double kRecallWeight = 4;  // beta squared

// A sentence as numbers: letters without white space, and words with punctuation apart.
struct Units {
  std::vector<uint32_t> letters, words;
};

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

// One mark of punctuation is taken off each word: the last character, else the first. "(hi)" is
// "(hi" and ")", as in sacreBLEU.
std::vector<std::string_view> parted_words(std::string_view text) {
  std::vector<std::string_view> out;
  for (const std::string_view word : words(text)) {
    size_t first = 0;
    next_code_point(word, first);
    if (first == word.size()) {
      out.push_back(word);
    } else if (is_ascii_punctuation(word.back())) {
      out.insert(out.end(), {word.substr(0, word.size() - 1), word.substr(word.size() - 1)});
    } else if (is_ascii_punctuation(word.front())) {
      out.insert(out.end(), {word.substr(0, 1), word.substr(1)});
    } else {
      out.push_back(word);
    }
  }
  return out;
}

double f_score(std::span<const int64_t> sums) {
  const size_t order = sums.size() / 3;
  double precision = 0, recall = 0;
  int orders = 0;
  for (size_t n = 0; n < order; ++n) {
    const int64_t ours = sums[n], theirs = sums[order + n];
    if (ours == 0 || theirs == 0) continue;
    const auto matches = static_cast<double>(sums[2 * order + n]);
    precision += matches / static_cast<double>(ours);
    recall += matches / static_cast<double>(theirs);
    ++orders;
  }
  if (orders == 0 || precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kRecallWeight) * precision * recall / (kRecallWeight * precision + recall);
}

// Counts of a sentence, by order: n-grams of the hypothesis, of the reference, and matches.
class Counter {
 public:
  Counter(size_t word_order, bool lowercase)
      : word_order_(word_order), lowercase_(lowercase), order_(kLetterOrder + word_order) {}

  size_t width() const { return 3 * order_; }

  // Of several references the first of those with the highest score counts.
  void operator()(const std::string& hypothesis, std::span<const std::string_view> references,
                  std::span<int64_t> out) {
    numbers_.clear();
    texts_.clear();
    const Units ours = units(hypothesis);
    double best = -1;
    for (const auto reference : references) {
      counts_.assign(width(), 0);
      const Units theirs = units(reference);
      add(ours.letters, theirs.letters, letter_matcher_, 0, kLetterOrder);
      add(ours.words, theirs.words, word_matcher_, kLetterOrder, word_order_);
      if (references.size() == 1)
        return void(std::copy(counts_.begin(), counts_.end(), out.begin()));
      const double score = f_score(counts_);
      if (score <= best) continue;
      best = score;
      std::copy(counts_.begin(), counts_.end(), out.begin());
    }
  }

 private:
  Units units(std::string_view line) {
    texts_.push_back(lowercase_ ? lower_case(line) : std::string(line));
    std::string joined;
    joined.reserve(line.size());
    for (const std::string_view word : words(texts_.back()))
      joined += word;
    Units out{code_points(joined), {}};
    if (word_order_ > 0) out.words = numbers_(parted_words(texts_.back()));
    return out;
  }

  // An order that the reference is too short for does not count against the hypothesis.
  void add(std::span<const uint32_t> ours, std::span<const uint32_t> theirs, NgramMatcher& matcher,
           size_t begin, size_t order) {
    if (order == 0) return;
    const auto matches = matcher.match(ours, theirs);
    for (size_t n = 0; n < std::min(order, theirs.size()); ++n) {
      if (ours.size() > n) counts_[begin + n] = static_cast<int64_t>(ours.size() - n);
      counts_[order_ + begin + n] = static_cast<int64_t>(theirs.size() - n);
      counts_[2 * order_ + begin + n] = matches[n];
    }
  }

  size_t word_order_;
  bool lowercase_;
  size_t order_;
  NgramMatcher letter_matcher_{kLetterOrder}, word_matcher_{2};
  WordNumbers numbers_;  // of words in texts_
  std::deque<std::string> texts_;
  std::vector<int64_t> counts_;
};

// chrF with word n-grams up to `kWordOrder`.
template <size_t kWordOrder>
struct Chrf final : Metric {
  struct Config {
    bool lowercase = false;
    void describe(auto& field) { field("lowercase", lowercase, "compare without case"); }
  };

  explicit Chrf(const Config& c) : config(c) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    Counter counter(kWordOrder, config.lowercase);
    return counted(texts, counter.width(), counter);
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    return {{kWordOrder == 0 ? "chrf" : "chrf++", f_score(sums.numbers), "",
             fmt::format("nrefs:{}|case:{}|eff:yes|nc:6|nw:{}|space:no|version:2.6.0",
                         sums.num_references, config.lowercase ? "lc" : "mixed", kWordOrder),
             true, kWordOrder == 0 ? "chrF" : "chrF++"}};
  }

  Config config;
};

using PlainChrf = Chrf<0>;
using WordChrf = Chrf<2>;
XP_REGISTER(Metric, PlainChrf, "chrf", "chrF2 with sacreBLEU's settings");
XP_REGISTER(Metric, WordChrf, "chrf++", "chrF2++: chrF2 with n-grams of words");

}  // namespace
}  // namespace xp
