// What resampling may and may not find; figures of an independent computation.
#include "results/bootstrap.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "results/sentences.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Matchers::WithinAbs;

namespace {

// Sentences of 10 words of which hits[i % size] are right.
SentenceCounts text_of(const std::vector<int64_t>& hits, size_t sentences = 200) {
  SentenceCounts out{2, {}};
  for (size_t i = 0; i < sentences; ++i) {
    out.numbers.push_back(hits[i % hits.size()]);
    out.numbers.push_back(10);
  }
  return out;
}

double accuracy(std::span<const int64_t> sums) {
  return 100 * static_cast<double>(sums[0]) / static_cast<double>(sums[1]);
}

Resampled system_of(const std::vector<std::vector<int64_t>>& hits_by_seed) {
  Resampled out;
  for (const auto& hits : hits_by_seed) {
    out.seeds.push_back(static_cast<int64_t>(out.seeds.size()) + 1);
    out.scores.push_back(resampled_scores(text_of(hits), accuracy));
  }
  return out;
}

}  // namespace

TEST_CASE("a resample draws as many sentences as there are, the same every time") {
  CHECK(resample(3, 50).size() == 50);
  CHECK(resample(3, 50) == resample(3, 50));
  CHECK(resample(3, 50) != resample(4, 50));
  CHECK(resample(0, 1) == std::vector<uint32_t>{0});
}

TEST_CASE("a system differs from itself by nothing") {
  const auto same = system_of({{3, 5, 9}});
  const auto result = compare(same, same, 0);
  REQUIRE(result);
  CHECK(result->p == 1);
  CHECK(result->low == 0);
  CHECK(result->high == 0);
}

TEST_CASE("a system that is better at every sentence is better by any resample") {
  const auto result = compare(system_of({{4, 6, 10}}), system_of({{3, 5, 9}}), 10);
  REQUIRE(result);
  CHECK_THAT(result->p, WithinAbs(1.0 / 1001, 1e-12));
  CHECK_THAT(result->low, WithinAbs(10, 1e-9));
}

TEST_CASE("interval and p agree with numpy's 200000 resamples") {
  const auto result = compare(system_of({{7, 5, 6, 9, 4}}), system_of({{6, 6, 5, 8, 5}}), 2.0);
  REQUIRE(result);
  CHECK_THAT(result->low, WithinAbs(0.6, 0.1));
  CHECK_THAT(result->high, WithinAbs(3.3, 0.1));
  CHECK_THAT(result->p, WithinAbs(0.00409, 0.004));
}

TEST_CASE("seeds that disagree widen the interval") {
  const auto base = system_of({{5}, {5}});
  const auto agreeing = compare(system_of({{6}, {6}}), base, 10);
  const auto disagreeing = compare(system_of({{4}, {8}}), base, 10);
  REQUIRE((agreeing && disagreeing));
  CHECK(agreeing->high - agreeing->low < 1e-9);
  CHECK_THAT(disagreeing->low, WithinAbs(-10, 1e-9));
  CHECK_THAT(disagreeing->high, WithinAbs(30, 1e-9));
  CHECK(disagreeing->p > 0.3);
}

TEST_CASE("without scores there is no comparison") {
  CHECK_FALSE(compare({}, system_of({{5}}), 1));
}

TEST_CASE("counts of sentences survive the file; damage is named") {
  const TempFolder folder;
  const fs::path file = sentence_file(folder.path(), "test", "en-fr", "bleu");
  CHECK(file == folder.path() / "sentences" / "test.en-fr.bleu.txt");
  CHECK(read_sentence_counts(file).width == 0);
  write_sentence_counts(file, {3, {1, 2, 3, 40, 50, 60}});
  CHECK(read_file(file) == "1 2 3\n40 50 60\n");
  const SentenceCounts back = read_sentence_counts(file);
  CHECK(back.width == 3);
  CHECK(back.numbers == std::vector<int64_t>{1, 2, 3, 40, 50, 60});
  for (const char* text : {"1 2 3\n4 5\n", "1 2 3\n4 5 6", "1 x 3\n", "", "\n", "1 2\n3 4 5\n"}) {
    write_atomic(file, text);
    INFO(text);
    CHECK_THROWS_MATCHES(
        read_sentence_counts(file), Error,
        Catch::Matchers::Message(
            "'" + file.string() +
            "' is damaged; delete it: the report then does without its bootstrap"));
  }
}
