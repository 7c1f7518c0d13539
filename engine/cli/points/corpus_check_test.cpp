// What a prepared corpus says about the points that use it.
#include "engine/cli/points/corpus_check.h"

#include "engine/base/json_text.h"
#include "engine/data/token_set.h"
#include "engine/experiment/codes.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

/// A corpus of two directions with sentences of given lengths, and a plan of one point.
struct TwoDirections {
  TwoDirections() {
    for (const char* subset : {"train", "valid", "test"}) {
      put(subset, "en-fr", {3, 7});
      put(subset, "de-en", {5});
    }
  }
  void put(const std::string& subset, const std::string& direction, std::vector<size_t> lengths) {
    for (const char* side : {"source", "target"}) {
      TokenSetWriter writer(folder.path() / fmt::format("{}.{}.{}", subset, direction, side), 100);
      for (const size_t length : lengths)
        writer.add(std::vector<int32_t>(length, 4));
      writer.finish();
    }
    stats[subset][direction]["kept"] = lengths.size();
  }
  CorpusCheck check() const {
    write_atomic(folder.path() / "corpus.json", Value{{"directions", {"en-fr", "de-en"}},
                                                      {"subsets", {"train", "valid", "test"}},
                                                      {"vocabulary", {{"use", "any"}}}}
                                                    .dump());
    write_atomic(folder.path() / "stats.json", json_text(stats));
    std::map<std::string, Section> sections;
    for (const auto& [name, table] : settings.items())
      sections[name].table = table;
    Plan plan;
    plan.points.emplace_back().resolved = Settings(sections);
    return check_corpus(plan, settings.at("corpus"), folder.path());
  }

  TempFolder folder;
  Value stats;
  Value settings = {{"corpus", {{"use", "any"}, {"pairs", {"en-fr", "de-en"}}}},
                    {"train", {{"max_tokens", 9}}},
                    {"eval", {{"subsets", {"test"}}, {"max_tokens", 8}}}};
};

using Sentences = std::vector<std::string>;

}  // namespace

TEST_CASE("a corpus that fits has nothing to say") {
  const CorpusCheck check = TwoDirections().check();
  CHECK(check.problems.empty());
  CHECK(check.notes.empty());
}

TEST_CASE("sentences that max_tokens has no room for are found before training") {
  TwoDirections two;
  two.settings["train"]["max_tokens"] = 8;  // 7 pieces, the target's tag and </s> are 9
  two.settings["eval"]["max_tokens"] = 7;
  const CorpusCheck check = two.check();
  REQUIRE(check.problems.size() == 2);
  CHECK(check.problems[0].setting == "train.max_tokens");
  CHECK(check.problems[0].code == std::string(code::kTooLong));
  CHECK(check.problems[0].sentence ==
        "'max_tokens' in [train] is 8, but a pair of subset 'valid' in en-fr has 9 pieces with "
        "</s> and language tags; raise it to at least 9");
  CHECK(check.problems[1].setting == "eval.max_tokens");
  CHECK(check.problems[1].sentence ==
        "'max_tokens' in [eval] is 7, but a sentence of subset 'test' in en-fr has 8 pieces with "
        "</s>; raise it to at least 8");
}

TEST_CASE("a subset that the corpus does not have is named with those it has") {
  TwoDirections two;
  two.settings["eval"]["subsets"] = {"tset"};
  const CorpusCheck check = two.check();
  REQUIRE(check.problems.size() == 1);
  CHECK(check.problems[0].sentence ==
        "the corpus has no subset 'tset'; it has: train, valid, test");
  CHECK(check.problems[0].hint == "test");
}

TEST_CASE("directions without a subset are noted") {
  TwoDirections two;
  two.stats["test"].erase("de-en");
  two.stats["valid"]["de-en"]["kept"] = 0;
  const CorpusCheck check = two.check();
  CHECK(check.problems.empty());
  CHECK(check.notes == Sentences{"de-en has no subset 'valid' and is not validated in it",
                                 "de-en has no subset 'test' and is not scored in it"});
}

TEST_CASE("a corpus without validation pairs is noted") {
  TwoDirections two;
  two.stats.erase("valid");
  CHECK(two.check().notes ==
        Sentences{"the corpus has no validation pairs: the last checkpoint counts as the best, "
                  "and there is no learning curve"});
}

TEST_CASE("a corpus that is not prepared or is damaged has nothing to say") {
  TwoDirections two;
  CHECK(check_corpus({}, two.settings.at("corpus"), two.folder.path()).notes.empty());
  two.stats["test"] = 5;
  CHECK(two.check().problems.empty());
}
