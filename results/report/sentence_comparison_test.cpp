// Sentences of two systems, by a metric that counts the letters of a hypothesis.
#include "results/report/sentence_comparison.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Lines = std::vector<size_t>;

struct Letters final : Metric {
  explicit Letters(bool more_is_better) : higher(more_is_better) {}
  SentenceCounts sentence_counts(const Translations& texts) const override {
    return counted(texts, 1, [](std::string_view hypothesis, auto, auto out) {
      out[0] = static_cast<int64_t>(hypothesis.size());
    });
  }
  std::vector<Score> score_of(const CountSums& sums) const override {
    return {{"letters", static_cast<double>(sums.numbers[0]), "", "", higher, "Letters"}};
  }
  bool higher;
};

struct Whole final : Metric {
  std::vector<Score> score(const Translations&) const override {
    return {{"whole", 1, "", "", true, "Whole"}};
  }
};

// Gains of b: 2, 0 (the same text), -3, 0 (another text), 1.
ComparedTexts five() {
  return {"en-fr",
          {"one", "one two", "one two three", "a b c d e", "one two"},
          {"r", "r", "r", "r", "r"},
          {"aa", "same", "aaaaa", "aa", "a"},
          {"bbbb", "same", "bb", "bb", "bb"},
          {3, 2, 3, 5, 8}};
}

Lines lines_of(const SentenceComparison& comparison, SentenceOrder order) {
  Lines out;
  for (const auto& one : differing(comparison, order))
    out.push_back(one.line);
  return out;
}

TEST_CASE("wins, ties and losses of the second system are counted over all sentences") {
  const auto found = compare_sentences(Letters(true), "letters", {five()});
  CHECK(found.label == "Letters");
  CHECK(found.wins == 2);
  CHECK(found.losses == 1);
  CHECK(found.ties == 2);
  CHECK(found.num_same == 1);
  REQUIRE(found.totals.size() == 1);
  CHECK(found.totals[0].score_a == 14);
  CHECK(found.totals[0].score_b == 14);
  CHECK(found.totals[0].p.has_value());
  CHECK(found.sentences[2].gain == -3);
  CHECK(found.sentences[2].num_words == 3);
  CHECK(found.sentences[4].pieces_a_word == 4);
}

TEST_CASE("texts that are all the same have no p") {
  ComparedTexts same = five();
  same.b = same.a;
  const auto found = compare_sentences(Letters(true), "letters", {same});
  CHECK(found.num_same == 5);
  CHECK_FALSE(found.totals[0].p.has_value());
}

TEST_CASE("where less is better a lower score is a gain") {
  const auto found = compare_sentences(Letters(false), "letters", {five()});
  CHECK(found.wins == 1);
  CHECK(found.losses == 2);
  CHECK(found.sentences[2].gain == 3);
  CHECK(lines_of(found, SentenceOrder::kGain) == Lines{2, 3, 4, 0});
}

TEST_CASE("only sentences that differ are listed, in the order that is asked for") {
  const auto found = compare_sentences(Letters(true), "letters", {five()});
  CHECK(lines_of(found, SentenceOrder::kDifference) == Lines{2, 0, 4, 3});
  CHECK(lines_of(found, SentenceOrder::kGain) == Lines{0, 4, 3, 2});
  CHECK(lines_of(found, SentenceOrder::kLoss) == Lines{2, 3, 4, 0});
  CHECK(lines_of(found, SentenceOrder::kLength) == Lines{3, 2, 4, 0});
  CHECK(lines_of(found, SentenceOrder::kRare) == Lines{4, 0, 2, 3});
}

TEST_CASE("directions are scored by themselves and listed together") {
  ComparedTexts other = five();
  other.direction = "en-de";
  other.b[0] = "bbbbbbbb";
  const auto found = compare_sentences(Letters(true), "letters", {five(), other});
  REQUIRE(found.totals.size() == 2);
  CHECK(found.totals[1].direction == "en-de");
  CHECK(found.totals[1].score_b == 18);
  const auto first = differing(found, SentenceOrder::kGain).front();
  CHECK(first.direction == "en-de");
  CHECK(first.line == 0);
}

TEST_CASE("a metric that scores whole texts only is refused") {
  CHECK_THROWS_MATCHES(compare_sentences(Whole(), "whole", {five()}), Error,
                       Message("'whole' does not score single sentences; name another metric"));
}

}  // namespace
}  // namespace xp
