// The same numbers as sacreBLEU for the same counts and seed;
// plugins/metric/fixtures/make_scores.py writes what it gives.
#include "results/report/significance.h"

#include "engine/base/file.h"
#include "results/report/numpy_random.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace xp {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

SentenceCounts counts_of(const Value& rows) {
  SentenceCounts out{2, {}};
  for (const auto& row : rows)
    out.numbers.insert(out.numbers.end(), {row[0].get<int64_t>(), row[1].get<int64_t>()});
  return out;
}

double rate(std::span<const int64_t> sums) {
  return 100 * static_cast<double>(sums[0]) / static_cast<double>(sums[1]);
}

// Compares with what sacreBLEU says of systems a, b and c.
void compare_with_sacrebleu(PairedTest test, const char* name) {
  const Value fixture = Value::parse(read_file("results/report/significance.json"));
  std::vector<SentenceCounts> systems;
  for (const char* system : {"a", "b", "c"})
    systems.push_back(counts_of(fixture["counts"][system]));
  const auto found = paired_results({test}, systems, rate);
  REQUIRE(found.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    const Value& expected = fixture[name][i];
    CHECK_THAT(found[i].score, WithinAbs(expected["score"].get<double>(), 1e-9));
    CHECK(found[i].p.has_value() == (i > 0));
    if (i > 0) CHECK_THAT(*found[i].p, WithinAbs(expected["p"].get<double>(), 1e-12));
    CHECK(found[i].mean.has_value() == !expected["mean"].is_null());
    if (!found[i].mean) continue;
    CHECK_THAT(*found[i].mean, WithinRel(expected["mean"].get<double>(), 1e-6));
    CHECK_THAT(*found[i].interval, WithinRel(expected["interval"].get<double>(), 1e-5));
  }
}

TEST_CASE("paired bootstrap gives sacreBLEU's p, means and intervals") {
  compare_with_sacrebleu(PairedTest::kBootstrap, "bs");
}

TEST_CASE("paired approximate randomization gives sacreBLEU's p") {
  compare_with_sacrebleu(PairedTest::kRandomization, "ar");
}

TEST_CASE("another seed draws other sentences") {
  SentenceCounts a{2, {}}, b{2, {}};
  for (int64_t i = 0; i < 50; ++i) {
    a.numbers.insert(a.numbers.end(), {i % 4, 10});
    b.numbers.insert(b.numbers.end(), {(i * 7 + 3) % 4, 10});
  }
  const auto mean_of = [&](uint32_t seed) {
    return *paired_results({PairedTest::kBootstrap, 100, seed}, {a, b}, rate)[0].mean;
  };
  CHECK(mean_of(1) == mean_of(1));
  CHECK(mean_of(1) != mean_of(2));
}

TEST_CASE("a system does not differ from itself") {
  const SentenceCounts same{2, {1, 5, 2, 6, 0, 4}};
  for (const auto test : {PairedTest::kBootstrap, PairedTest::kRandomization}) {
    const auto found = paired_results({test, 50}, {same, same}, rate);
    CHECK(*found[1].p == 1.0 / 51);  // sacreBLEU's: no round is further away than 0
  }
}

TEST_CASE("no sentences give scores and nothing else") {
  const SentenceCounts none{2, {}};
  const auto found = paired_results({}, {none, none}, [](std::span<const int64_t>) { return 0.0; });
  REQUIRE(found.size() == 2);
  CHECK_FALSE(found[1].p);
}

// Printed by NumPy 2.4: default_rng(12345).choice(1000, 8), .integers(2, size=40, dtype=bool), and
// choice(10, 4) after 70 coins; default_rng(7).choice(3000000000, 3).
TEST_CASE("the generator draws what NumPy draws") {
  const auto drawn = [](NumpyRandom random, uint32_t limit, int count) {
    std::vector<uint32_t> out;
    for (int i = 0; i < count; ++i)
      out.push_back(random.below(limit));
    return out;
  };
  using Numbers = std::vector<uint32_t>;
  CHECK(drawn(NumpyRandom(12345), 1000, 8) == Numbers{699, 227, 788, 316, 204, 797, 642, 676});
  CHECK(drawn(NumpyRandom(7), 3'000'000'000u, 3) == Numbers{2834714867, 2052539810, 2691641402});
  NumpyRandom coins(12345);
  std::string sides;
  for (int i = 0; i < 70; ++i)
    sides += coins.coin() ? '1' : '0';
  CHECK(sides.substr(0, 40) == "1011100110000011111111110100110110110001");
  CHECK(drawn(coins, 10, 4) == Numbers{3, 2, 7, 6});
  CHECK(drawn(NumpyRandom(1), 1, 2) == Numbers{0, 0});
}

}  // namespace
}  // namespace xp
