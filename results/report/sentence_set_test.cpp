// Which sentences a page shows, and who wins how often.
#include "results/report/sentence_set.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Numbers = std::vector<int64_t>;
using Wins = std::vector<std::vector<size_t>>;

// Scores a sentence by the length of its hypothesis.
struct Letters final : Metric {
  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, 1, [](std::string_view hypothesis, auto, auto out) {
      out[0] = static_cast<int64_t>(hypothesis.size());
    });
  }
  std::vector<Score> score_of(const CountSums& sums) const override {
    return {{"letters", static_cast<double>(sums.numbers[0]), "", "", true, "Letters"}};
  }
};

// Rows differ by 0, 3, 1, 0, 2 and 0.
TranslatedTexts six() {
  return {"en-fr",
          {"a", "a b", "a", "a b c", "a", "a"},
          {"r", "r", "r", "r", "r", "r"},
          {{"x", "xxxx", "x", "x", "x", "x"}, {"x", "x", "xx", "x", "xxx", "x"}, {}},
          {1, 2, 1, 3, 1, 5}};
}

Numbers numbers_of(const SentenceSet& set) {
  Numbers out;
  for (const auto& one : set.sentences)
    out.push_back(one.number);
  return out;
}

TEST_CASE("wins are counted over all sentences, those of a row without translations are none") {
  const auto found = sentence_set(std::make_unique<Letters>().get(), six(), {"m1", "m2", "m3"}, 3);
  CHECK(found.metric == "Letters");
  CHECK(found.num_sentences == 6);
  CHECK(found.wins == Wins{{0, 1, 0}, {2, 0, 0}, {0, 0, 0}});
  CHECK(found.sentences[0].versions[0].score == 4);
  CHECK(found.sentences[0].versions[2].text.empty());
  CHECK_FALSE(found.sentences[0].versions[2].score);
}

TEST_CASE("of a long text those stay that tell rows apart, the rare and the long ones") {
  const Letters letters;
  // Three by difference, the one with most pieces a word, the longest of the others.
  CHECK(numbers_of(sentence_set(&letters, six(), {"m1", "m2", "m3"}, 5)) == Numbers{2, 3, 4, 5, 6});
  CHECK(numbers_of(sentence_set(&letters, six(), {"m1", "m2", "m3"}, 6)).size() == 6);
}

TEST_CASE("without a metric sentences are spread evenly") {
  const auto found = sentence_set(nullptr, six(), {"m1", "m2", "m3"}, 3);
  CHECK(numbers_of(found) == Numbers{1, 3, 5});
  CHECK(found.wins.empty());
  CHECK_FALSE(found.sentences[0].versions[0].score);
}

}  // namespace
}  // namespace xp
