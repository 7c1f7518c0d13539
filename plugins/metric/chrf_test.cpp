// chrF2 equals sacreBLEU 2.6.0: the expected values are its output for these sentences.
#include "registry/metric.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

std::vector<Score> scores(const Texts& hypotheses, const Texts& references) {
  return make_part<Metric>({{"use", "chrf"}})->score({{}, hypotheses, references});
}

struct Case {
  const char* claim;
  Texts hypotheses, references;
  double expected;
};

TEST_CASE("chrF2 equals sacreBLEU") {
  const std::vector<Case> cases = {
      {"plain sentences",
       {"The cat sat on the mat.", "There is a dog in the garden, I think."},
       {"The cat is sitting on the mat.", "I think there is a dog in the garden."},
       68.34419850476998},
      {"stops and commas in numbers",
       {"It costs 1,000.5 euros in 2023-24.", "Version 3.14, released on 5-6 May,ended.",
        "about .5 or 5. or ,7"},
       {"It costs 1,000.5 euros in 2023-2024.", "Version 3.14 (released on 5-6 May) ended.",
        "about .5 or 5. or , 7"},
       86.16374779247747},
      {"entities and <skipped>",
       {"Press &quot;OK&quot; &amp; wait &lt;5 s&gt;", "Fish &amp;lt; chips", "a <skipped>b R&D"},
       {"Press \"OK\" & wait <5 s>", "Fish < chips", "ab R&D &nbsp;"},
       28.043926963796235},
      {"punctuation and white space beyond ASCII",
       {"« Où est-ce ? » — demanda-t-il…", "L’été\u00A0: 10\u202F000 €, n’est-ce pas\u2009?",
        "日本語 の 文。Übung macht den Meister,naïve", "emoji 😀, 😀. 😀"},
       {"« Où est-ce donc ? » — demanda-t-elle…", "L’été\u00A0: 10\u202F000\u00A0€, n’est-ce pas ?",
        "日本語 の 文、 Übung macht den Meister, naïve", "emoji 😀 😀, 😀."},
       81.19580246639183},
      {"an empty hypothesis",
       {"", "the small house", "   "},
       {"a big house", "the small house by the sea", "something else"},
       34.33823593394157},
      {"nothing on either side", {""}, {""}, 0.0},
      {"an empty reference",
       {"a b c d e", "one two three four five six"},
       {"", "one two three four five seven"},
       82.82617973479894},
      {"nothing shared", {"alpha beta gamma delta"}, {"one two three four"}, 6.4004255436734905},
      {"no shared 3-gram: smoothing",
       {"the cat likes fish a lot today"},
       {"the dog hates fish a bit now"},
       32.62993407254999},
      {"no 4-gram at all: effective order is off", {"ok"}, {"ok"}, 100.0},
      {"three equal words", {"yes it is"}, {"yes it is"}, 100.0},
      {"clipped counts",
       {"the the the the the the the"},
       {"the cat is on the mat"},
       14.232426848159646},
      {"line ends inside a sentence",
       {"one line-\nbroken and\nagain  ", "end-\n"},
       {"one linebroken and again", "end-"},
       85.07953980272619},
      {"ASCII punctuation",
       {"(a) [b] {c} a/b a_b x^y 50% #1 @me c++ $5 *p ~q `r` don't it's "
        "A:B;C!D?E=F|G\\H",
        "wait... what?!., -- 3-D 1-2-3 a-b U.S.A. e.g., 1.2.3"},
       {"(a) [b] {c} a / b a _ b x ^ y 50 % # 1 @ me c + + $ 5 * p ~ q ` r ` "
        "don't it's A: B; C! D? E=F | G\\H",
        "wait ... what ?! . , - - 3 -D 1 - 2-3 a-b U.S.A. e.g. , 1.2.3"},
       100.0},
  };
  for (const Case& c : cases) {
    INFO(c.claim);
    CHECK_THAT(scores(c.hypotheses, c.references)[0].value,
               Catch::Matchers::WithinAbs(c.expected, 1e-9));
  }
}

TEST_CASE("chrF2 carries sacreBLEU's signature") {
  const Score score = scores({"a"}, {"b"})[0];
  CHECK(score.name == "chrf");
  CHECK(score.signature == "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0");
  CHECK(score.higher_is_better);
}

TEST_CASE("chrF2 takes bytes that are no text") {
  CHECK(scores({"a \xFF b c d", "\xE2\x82"}, {"a \xFF b c d", "\xE2\x82"})[0].value > 99.99);
}

TEST_CASE("chrF of a resample follows from its sentences' counts") {
  const auto metric = make_part<Metric>({{"use", "chrf"}});
  const Texts hypotheses = {"The cat sat on the mat.", "There is a dog in the garden, I think.",
                            "It costs 1,000.5 euros."};
  const Texts references = {"The cat is sitting on the mat.",
                            "I think there is a dog in the garden.", "It costs 1,000 euros."};
  const SentenceCounts counts = metric->sentence_counts({{}, hypotheses, references});
  REQUIRE(counts.size() == 3);
  std::vector<int64_t> sums(counts.width);
  for (const size_t i : {2, 0, 0, 1, 2}) {
    for (size_t k = 0; k < sums.size(); ++k)
      sums[k] += counts.of(i)[k];
  }
  CHECK_THAT(metric->score_of(sums)[0].value, Catch::Matchers::WithinAbs(68.3764814384602, 1e-9));
}

}  // namespace
}  // namespace xp
