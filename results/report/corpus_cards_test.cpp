// What a page shows of a corpus, from what its preparation counted.
#include "results/report/corpus_cards.h"

#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

const char* const kStats = R"({
  "test": {"en-fr": {"kept": 2}},
  "train": {"en-de": {"kept": 5, "source_lengths": [4, 1, 0, 0], "target_lengths": [0, 2, 3, 0]},
            "en-fr": {"kept": 9, "source_lengths": [9, 0, 0, 0], "target_lengths": [8, 1, 0, 0]}}
})";

TEST_CASE("lengths are summed over directions, directions are sorted by size") {
  const auto cards = corpus_cards({{"c0ffee", Value::parse(kStats)}});
  REQUIRE(cards.size() == 1);
  CHECK(cards[0].name == "Corpus c0ffee");
  REQUIRE(cards[0].histograms.size() == 2);
  const Histogram& lengths = cards[0].histograms[0];
  CHECK(lengths.classes == std::vector<std::string>{"0", "10", "20"});
  CHECK(lengths.series[0].second == std::vector<double>{13, 1, 0});
  CHECK(lengths.series[1].second == std::vector<double>{8, 3, 3});
  CHECK(cards[0].histograms[1].classes == std::vector<std::string>{"en-fr", "en-de"});
  CHECK(cards[0].histograms[1].series[0].second == std::vector<double>{9, 5});
  CHECK(cards[0].tables[0].columns == std::vector<std::string>{"train", "test"});
  CHECK(cards[0].tables[0].rows == std::vector<std::string>{"en-de", "en-fr"});
  CHECK(cards[0].tables[0].values[1] == std::vector<double>{9, 2});
}

TEST_CASE("reasons for left-out training pairs are counted by direction") {
  const auto cards = corpus_cards({{"a", Value::parse(R"({"train": {
    "en-de": {"read": 9, "kept": 6, "dropped": {"blank": 2, "repeated": 1}, "source_tokens": 30},
    "en-fr": {"read": 8, "kept": 4, "dropped": {"repeated": 4}, "target_tokens": 20}}})")}});
  const HeatMap& pairs = cards[0].tables[1];
  CHECK(pairs.columns == std::vector<std::string>{"read", "blank", "repeated", "kept",
                                                  "source pieces", "target pieces"});
  CHECK(pairs.rows == std::vector<std::string>{"en-de", "en-fr"});
  CHECK(pairs.values == std::vector<std::vector<double>>{{9, 2, 1, 6, 30, 0}, {8, 0, 4, 4, 0, 20}});
}

TEST_CASE("statistics that are damaged leave gaps, not errors") {
  CHECK(corpus_cards({{"a", Value::parse(R"({"train": 3})")}})[0].histograms.empty());
  const auto cards = corpus_cards(
      {{"a", Value::parse(R"({"train": {"en-fr": {"kept": null, "source_lengths": [1, "x"]}}})")}});
  CHECK(cards[0].histograms[0].series[0].second == std::vector<double>{1});
}

TEST_CASE("corpora of a report are those that are prepared, each once") {
  FilledWorkspace place;
  place.put("corpora/aa/stats.json", kStats);
  place.put("corpora/bb/stats.json", "{");
  const auto found = report_corpora(place.workspace, {"aa", "dd", "bb", "cc", "aa"});
  REQUIRE(found.size() == 1);
  CHECK(found[0].id == "aa");
}

}  // namespace
}  // namespace xp
