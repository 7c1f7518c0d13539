// Plans of batches.
#include "engine/data/batcher.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace xp {
namespace {

// Lengths like those of real text: source i is 3 .. 42 long, its target up to 3 longer.
std::vector<PairLength> text_lengths(uint32_t count) {
  std::vector<PairLength> out;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t source = 3 + (i * 7919u) % 40;
    out.push_back({source, source + (i * 31u) % 4});
  }
  return out;
}

std::vector<uint32_t> all_sorted(const Epoch& plan) {
  std::vector<uint32_t> out;
  for (const auto& batch : plan.batches)
    out.insert(out.end(), batch.begin(), batch.end());
  std::sort(out.begin(), out.end());
  return out;
}

// The share of padding in all batches, sources and targets together.
double padding_share(std::span<const PairLength> lengths, const Epoch& plan) {
  uint64_t used = 0, room = 0;
  for (const auto& batch : plan.batches) {
    uint64_t source = 0, target = 0;
    for (const uint32_t i : batch) {
      used += lengths[i].source + lengths[i].target;
      source = std::max<uint64_t>(source, lengths[i].source);
      target = std::max<uint64_t>(target, lengths[i].target);
    }
    room += batch.size() * (source + target);
  }
  return 1 - static_cast<double>(used) / static_cast<double>(room);
}

TEST_CASE("every pair is in exactly one batch, on any number of ranks") {
  const auto lengths = text_lengths(1003);
  std::vector<uint32_t> every(1003);
  for (uint32_t i = 0; i < every.size(); ++i)
    every[i] = i;
  for (const int64_t ranks : {1, 2, 3, 4, 8}) {
    const Epoch plan = plan_epoch(lengths, {512, ranks, 1}, 0);
    CHECK(all_sorted(plan) == every);
    CHECK(plan.batches.size() % static_cast<size_t>(ranks) == 0);
    CHECK(plan.too_long.empty());
  }
}

TEST_CASE("no batch costs more than the budget") {
  const auto lengths = text_lengths(1003);
  const Epoch plan = plan_epoch(lengths, {512, 4, 1}, 0);
  for (const auto& batch : plan.batches) {
    size_t longest = 0;
    for (const uint32_t i : batch)
      longest = std::max<size_t>(longest, lengths[i].longest());
    CHECK(batch.size() * longest <= 512);
  }
}

TEST_CASE("the ranks of a step have batches of about the same cost and length") {
  const auto lengths = text_lengths(4000);
  const Epoch plan = plan_epoch(lengths, {512, 4, 1}, 0);
  int64_t num_uneven = 0;
  for (int64_t step = 0; step < plan.num_steps(); ++step) {
    std::vector<size_t> costs, longest;
    for (int64_t rank = 0; rank < 4; ++rank) {
      longest.push_back(0);
      for (const uint32_t i : plan.batch(step, rank))
        longest.back() = std::max<size_t>(longest.back(), lengths[i].longest());
      costs.push_back(longest.back() * plan.batch(step, rank).size());
    }
    const auto [cheap, dear] = std::minmax_element(costs.begin(), costs.end());
    const auto [low, high] = std::minmax_element(longest.begin(), longest.end());
    if (*dear - *cheap > 64 || *high - *low > 2) ++num_uneven;
  }
  CHECK(num_uneven <= 1);  // the last group formed, which is what was left over
}

TEST_CASE("a plan depends on seed and epoch and on nothing else") {
  const auto lengths = text_lengths(500);
  const auto plan = plan_epoch(lengths, {256, 2, 1}, 0);
  CHECK(plan.batches == plan_epoch(lengths, {256, 2, 1}, 0).batches);
  CHECK(plan.batches != plan_epoch(lengths, {256, 2, 1}, 1).batches);
  CHECK(plan.batches != plan_epoch(lengths, {256, 2, 2}, 0).batches);
}

TEST_CASE("plans are the same on every machine") {
  const std::vector<PairLength> lengths = {{3, 4}, {9, 9}, {4, 4}, {5, 2}, {8, 9}, {3, 3}};
  const Epoch plan = plan_epoch(lengths, {18, 1, 7}, 3);
  CHECK(plan.batches == std::vector<std::vector<uint32_t>>{{5}, {3, 2, 0}, {4, 1}});
}

TEST_CASE("a pair longer than the budget is in no batch and is named") {
  const std::vector<PairLength> lengths = {{3, 4}, {3, 20}, {5, 5}};
  const Epoch plan = plan_epoch(lengths, {16, 1, 1}, 0);
  CHECK(plan.too_long == std::vector<uint32_t>{1});
  CHECK(all_sorted(plan) == std::vector<uint32_t>{0, 2});
}

TEST_CASE("a rank without a sentence left gets an empty batch") {
  const std::vector<PairLength> lengths = {{3, 3}, {3, 3}, {3, 3}};
  const Epoch plan = plan_epoch(lengths, {300, 4, 1}, 0);
  CHECK(plan.num_steps() == 1);
  CHECK(plan.batches.size() == 4);
  CHECK(all_sorted(plan) == std::vector<uint32_t>{0, 1, 2});
}

TEST_CASE("no pairs make no batches") {
  CHECK(plan_epoch({}, {300, 4, 1}, 0).batches.empty());
}

TEST_CASE("padding stays below 5 percent") {
  const auto lengths = text_lengths(20000);
  CHECK(padding_share(lengths, plan_epoch(lengths, {2048, 4, 1}, 0)) < 0.05);
}

}  // namespace
}  // namespace xp
