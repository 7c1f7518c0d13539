// Made-up sentence pairs with the lengths and word frequencies of real text, for trials and speed.
//
// A source sentence has words by Zipf's law and a length by a log-normal law. Its translation is
// word for word, with couples of an even and an odd rank swapped (as nouns and adjectives are), so
// a small model learns it.
#include "engine/base/hash.h"
#include "engine/base/split_mix.h"
#include "engine/base/to_integer.h"
#include "registry/corpus.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

/// About normal: a sum of uniforms, so that no library's cosine decides a bit.
double normal(SplitMix& draws) {
  double sum = -6;
  for (int i = 0; i < 12; ++i)
    sum += draws.uniform();
  return sum;
}

// A pronounceable word for every rank; `language` 0 and 1 use other syllables.
std::string word(int64_t rank, size_t language) {
  static constexpr const char* kSyllables[2][16] = {
      {"ba", "ri", "to", "len", "ka", "si", "mo", "ter", "na", "vi", "po", "rel", "da", "li", "go",
       "hen"},
      {"ou", "an", "ier", "ot", "eau", "il", "ens", "or", "ait", "us", "ine", "ap", "em", "ois",
       "al", "ur"}};
  std::string out;
  for (int64_t rest = rank + 16; rest > 0; rest /= 16)
    out += kSyllables[language][rest % 16];
  return out;
}

struct Dummy final : Corpus {
  struct Config {
    int64_t train = 20000, valid = 500, test = 500, words = 4000, seed = 1;
    double mean_length = 12;

    void describe(auto& field) {
      field("train", train, "training pairs", at_least(0, "pairs"));
      field("valid", valid, "validation pairs", at_least(0, "pairs"));
      field("test", test, "test pairs", at_least(0, "pairs"));
      field("words", words, "different words of each language", between(2, 10000000, "words"));
      field("mean_length", mean_length, "of a sentence", between(2, 100, "words"));
      field("seed", seed, "another seed is another corpus");
    }
  };

  explicit Dummy(const Config& c) : config(c) {}

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs)
      out.push_back(parse_direction(pair == "all" ? "en-fr" : pair));
    return out;
  }

  CorpusInputs inputs(const CorpusPlace&, const std::vector<Direction>&) const override {
    return {Value::object(), true, ""};
  }

  void read(const CorpusPlace&, const Direction& direction, const PairSink& sink,
            const DropSink&) const override {
    const bool forward = direction.source < direction.target;
    for (const auto& [subset, count] : {std::pair<const char*, int64_t>{"train", config.train},
                                        {"valid", config.valid},
                                        {"test", config.test}}) {
      for (int64_t i = 0; i < count; ++i) {
        SplitMix draws(seed_for(static_cast<uint64_t>(config.seed), subset, i));
        const auto ranks = sentence(draws);
        const std::string first = text(ranks, 0), second = text(swapped(ranks), 1);
        sink(subset, forward ? first : second, forward ? second : first);
      }
    }
  }

 private:
  std::vector<int64_t> sentence(SplitMix& draws) const {
    // Spread 0.6 gives the long tail of real text; exp(0.6^2 / 2) keeps the mean.
    const double length = std::exp(std::log(config.mean_length) - 0.18 + 0.6 * normal(draws));
    std::vector<int64_t> ranks(
        static_cast<size_t>(to_nearest_integer(std::clamp(length, 1.0, 250.0))));
    for (auto& rank : ranks) {
      const auto drawn = std::pow(static_cast<double>(config.words), draws.uniform()) - 1;
      rank = std::min(to_integer(drawn), config.words - 1);
    }
    return ranks;
  }

  static std::vector<int64_t> swapped(std::vector<int64_t> ranks) {
    for (size_t i = 0; i + 1 < ranks.size(); ++i) {
      if (ranks[i] % 2 == 0 && ranks[i + 1] % 2 == 1) {
        std::swap(ranks[i], ranks[i + 1]);
        ++i;
      }
    }
    return ranks;
  }

  static std::string text(const std::vector<int64_t>& ranks, size_t language) {
    std::string out;
    for (const int64_t rank : ranks)
      out += (out.empty() ? "" : " ") + word(rank, language);
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, Dummy, "dummy", "made-up pairs with the shape of real text");

}  // namespace
}  // namespace xp
