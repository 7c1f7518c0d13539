// The order of an epoch, without keeping it.
#include "engine/data/sampler.h"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

namespace xp {
namespace {

std::map<uint32_t, std::map<int64_t, int>> counts(const Sampler& sampler, int64_t first_epoch,
                                                  int64_t last_epoch) {
  std::map<uint32_t, std::map<int64_t, int>> out;
  for (int64_t epoch = first_epoch; epoch <= last_epoch; ++epoch) {
    for (int64_t i = 0; i < sampler.size(); ++i) {
      const PairId pair = sampler.at(epoch, i);
      ++out[pair.part][pair.index];
    }
  }
  return out;
}

SamplingSection rule(const char* method, double temperature = 1.5) {
  SamplingSection out;
  out.method = method;
  out.temperature = temperature;
  return out;
}

TEST_CASE("a shuffle that is computed takes every place once, whatever the size") {
  for (const uint64_t size : {1, 2, 3, 7, 64, 65, 1000, 4096, 5000}) {
    const Permutation order(size, 42);
    std::set<uint64_t> taken;
    for (uint64_t i = 0; i < size; ++i)
      taken.insert(order(i));
    CHECK(taken.size() == size);
    CHECK(*taken.rbegin() == size - 1);
  }
}

TEST_CASE("shuffles of other keys are other orders, equal keys are equal") {
  const Permutation first(1000, 1), same(1000, 1), other(1000, 2);
  int num_equal = 0, num_fixed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    CHECK(first(i) == same(i));
    num_equal += first(i) == other(i);
    num_fixed += first(i) == i;
  }
  CHECK(num_equal < 20);
  CHECK(num_fixed < 20);
}

TEST_CASE("proportional: every pair of every direction once an epoch, in another order") {
  const Sampler sampler({5000, 3, 0, 1200}, rule("proportional"), 1);
  CHECK(sampler.size() == 6203);
  for (const auto& [part, indices] : counts(sampler, 3, 3)) {
    CHECK(static_cast<int64_t>(indices.size()) == std::vector<int64_t>{5000, 3, 0, 1200}[part]);
    for (const auto& [index, count] : indices)
      CHECK(count == 1);
  }
  int64_t num_equal = 0;
  for (int64_t i = 0; i < sampler.size(); ++i)
    num_equal += sampler.at(0, i) == sampler.at(1, i);
  CHECK(num_equal < sampler.size() / 2);
}

TEST_CASE("uniform and temperature give their shares of an epoch of the same size") {
  const std::vector<int64_t> sizes = {9000, 1000};
  CHECK(Sampler(sizes, rule("uniform"), 1).shares() == std::vector<int64_t>{5000, 5000});
  CHECK(Sampler(sizes, rule("temperature", 1), 1).shares() == sizes);
  // 9000^(1/2) : 1000^(1/2) = 3 : 1
  CHECK(Sampler(sizes, rule("temperature", 2), 1).shares() == std::vector<int64_t>{7500, 2500});
  CHECK(Sampler({10, 10, 10, 1}, rule("uniform"), 1).shares() == std::vector<int64_t>{8, 8, 8, 7});
}

TEST_CASE("over epochs no pair is used twice more than another of its direction") {
  const Sampler sampler({3000, 700}, rule("uniform"), 7);
  auto used = counts(sampler, 0, 2);  // 5550 of each
  CHECK(used[0].size() == 3000);
  for (const auto& [index, count] : used[0])
    CHECK((count == 1 || count == 2));
  for (const auto& [index, count] : used[1])
    CHECK((count == 7 || count == 8));
}

}  // namespace
}  // namespace xp
