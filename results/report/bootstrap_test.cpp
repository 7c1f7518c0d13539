// What resampling may and may not find; figures of an independent computation.
#include "results/report/bootstrap.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "results/report/statistics.h"
#include "results/runs/sentences.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>

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
    out.scores.push_back(Resamples(200).scores(text_of(hits), accuracy));
  }
  return out;
}

// 200 made-up sentences as BLEU counts them: both lengths, matches and n-grams of 1 to 4 words.
SentenceCounts bleu_counts(uint64_t state) {
  const auto below = [&](uint64_t limit) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<int64_t>((state >> 33) % limit);
  };
  SentenceCounts out{10, {}};
  for (int i = 0; i < 200; ++i) {
    const int64_t length = 8 + below(23), reference = length + below(5) - 2;
    out.numbers.insert(out.numbers.end(), {length, reference});
    for (int64_t n = 0; n < 4; ++n)
      out.numbers.push_back((length - n) * (60 - 12 * n + below(25)) / 100);
    for (int64_t n = 0; n < 4; ++n)
      out.numbers.push_back(length - n);
  }
  return out;
}

double bleu(std::span<const int64_t> sums) {
  double logarithms =
      std::min(0.0, 1 - static_cast<double>(sums[1]) / static_cast<double>(sums[0]));
  for (size_t n = 0; n < 4; ++n)
    logarithms += std::log(static_cast<double>(sums[2 + n]) / static_cast<double>(sums[6 + n])) / 4;
  return 100 * std::exp(logarithms);
}

}  // namespace

TEST_CASE("a resample draws as many sentences as there are, the same every time") {
  CHECK(resample(3, 50).size() == 50);
  CHECK(resample(3, 50) == resample(3, 50));
  CHECK(resample(3, 50) != resample(4, 50));
  CHECK(resample(0, 1) == std::vector<uint32_t>{0});
}

TEST_CASE("a resample's score is that of its sentences added up, whatever the size of the counts") {
  SentenceCounts counts{2, {}};
  for (int64_t i = 0; i < 5000; ++i)
    counts.numbers.insert(counts.numbers.end(), {i % 7, 1 + i % 3});
  std::vector<double> expected;
  for (size_t round = 0; round < kResamples; ++round) {
    int64_t hits = 0, words = 0;
    for (const uint32_t sentence : resample(round, counts.size())) {
      hits += counts.of(sentence)[0];
      words += counts.of(sentence)[1];
    }
    expected.push_back(accuracy(std::vector<int64_t>{hits, words}));
  }
  const Resamples draws(counts.size());
  CHECK(draws.scores(counts, accuracy) == expected);
  for (int64_t& number : counts.numbers)
    number *= 100'000;
  CHECK(draws.scores(counts, accuracy) == expected);
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

// The counts through sacreBLEU 2.6.0's _paired_bs_test and estimate_ci with 10,000 resamples; its p
// of 0.065 counts one side of what is centred otherwise, so that the two-sided one is numpy's.
TEST_CASE("resampled BLEU agrees with sacreBLEU's paired bootstrap") {
  const SentenceCounts base = bleu_counts(1), system = bleu_counts(2);
  const auto sums = [](const SentenceCounts& counts) {
    std::vector<int64_t> out(counts.width);
    for (size_t i = 0; i < counts.numbers.size(); ++i)
      out[i % counts.width] += counts.numbers[i];
    return out;
  };
  const double before = bleu(sums(base)), after = bleu(sums(system));
  CHECK_THAT(before, WithinAbs(49.33783031459929, 1e-9));
  CHECK_THAT(after, WithinAbs(50.079739405405384, 1e-9));
  const Resamples draws(system.size());
  const auto scores = draws.scores(system, bleu);
  CHECK_THAT(moments(scores).mean, WithinAbs(49.984, 0.07));
  CHECK_THAT((percentile(scores, 0.975) - percentile(scores, 0.025)) / 2, WithinAbs(0.723, 0.07));
  const auto result = compare({{1}, {scores}}, {{1}, {draws.scores(base, bleu)}}, after - before);
  REQUIRE(result);
  CHECK_THAT(result->p, WithinAbs(0.149, 0.03));
  CHECK_THAT(result->low, WithinAbs(-0.25, 0.12));
  CHECK_THAT(result->high, WithinAbs(1.755, 0.12));
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
  write_sentence_counts(file, {3, {1, 2, 3, 40, 50, -60}});
  CHECK(read_file(file) == "1 2 3\n40 50 -60\n");
  const SentenceCounts back = read_sentence_counts(file);
  CHECK(back.width == 3);
  CHECK(back.numbers == std::vector<int64_t>{1, 2, 3, 40, 50, -60});
  for (const char* text : {"1 2 3\n4 5\n", "1 -\n", "1 2000000000000\n", "1 2 3\n4 5 6", "1 x 3\n",
                           "", "\n", "1 2\n3 4 5\n"}) {
    write_atomic(file, text);
    INFO(text);
    CHECK_THROWS_MATCHES(
        read_sentence_counts(file), Error,
        Catch::Matchers::Message(
            "'" + file.string() +
            "' is damaged; delete it: the report then does without its bootstrap"));
  }
}
