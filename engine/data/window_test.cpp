// Batches of an epoch that is cut into windows and dealt to ranks.
#include "engine/data/window.h"

#include "engine/base/split_mix.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace xp {
namespace {

struct WindowTest {
  std::vector<int64_t> sizes = {6000, 1500};
  WindowRule rule{{600, 1, 5}, 2048};
  SamplingSection sampling;
  int64_t num_read = 0;
  LengthOf length_of = [this](PairId pair) {
    ++num_read;
    const auto spread = static_cast<uint32_t>(pair.index * 7919 % 61 + pair.part * 3);
    return PairLength{spread + 1, spread / 2 + 3};
  };
  std::map<std::pair<uint32_t, int64_t>, int> used;

  Sampler sampler() const { return {sizes, sampling, 9}; }

  // Takes steps of a window on `ranks` ranks, from `begin` on; all if `count` is -1.
  void take(const Sampler& order, int64_t epoch, int64_t window, int64_t ranks, int64_t count,
            std::vector<UsedSteps> before = {}, int64_t begin = 0) {
    WindowRule here = rule;
    here.batches.ranks = ranks;
    std::vector<Window> shards;
    int64_t most = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      shards.emplace_back(order, length_of, here, rank, epoch, window, before);
      most = std::max(most, shards.back().num_needed());
    }
    for (auto& shard : shards) {
      shard.agree(most);
      CHECK(shard.num_steps() == most);
      for (int64_t step = begin; step < (count < 0 ? most : begin + count); ++step) {
        uint32_t longest = 0;
        const auto batch = shard.batch(step);
        for (const auto& pair : batch) {
          longest = std::max(longest, length_of(pair).longest());
          ++used[{pair.part, pair.index}];
        }
        CHECK(static_cast<int64_t>(longest * batch.size()) <= rule.batches.max_tokens);
      }
    }
  }
  bool is_exact() const {
    return used.size() == 7500 &&
           std::all_of(used.begin(), used.end(), [](const auto& item) { return item.second == 1; });
  }
};

TEST_CASE_METHOD(WindowTest, "every pair is in one batch of one rank, on any number of ranks") {
  const Sampler order = sampler();
  CHECK(Window::count(order, rule) == 4);
  for (const int64_t ranks : {1, 2, 3, 8}) {
    used.clear();
    for (int64_t window = 0; window < 4; ++window)
      take(order, 2, window, ranks, -1);
    CHECK(is_exact());
  }
}

TEST_CASE_METHOD(WindowTest, "a position survives changes of the number of ranks, exactly") {
  const Sampler order = sampler();
  take(order, 0, 0, 4, -1);
  take(order, 0, 1, 4, 5);
  take(order, 0, 1, 3, 2, {{4, 5}});
  take(order, 0, 1, 3, 1, {{4, 5}}, 2);
  take(order, 0, 1, 1, -1, {{4, 5}, {3, 3}});
  take(order, 0, 2, 2, -1);
  take(order, 0, 3, 2, -1);
  CHECK(is_exact());
}

TEST_CASE_METHOD(WindowTest, "a rank reads the lengths of its own share only") {
  sizes = {3000 * 512};
  rule.window_pairs = 2048 * 512;
  rule.batches.ranks = 4;
  const Sampler order = sampler();
  num_read = 0;
  const Window window(order, length_of, rule, 3, 0, 0);
  CHECK(num_read == 512 * 512);
}

TEST_CASE_METHOD(WindowTest, "shares of whole blocks are exact too") {
  sizes = {1, 600000};
  rule.window_pairs = 1100 * 512;
  const Sampler order = sampler();
  for (int64_t window = 0; window < Window::count(order, rule); ++window)
    take(order, 0, window, 2, -1);
  CHECK(used.size() == 600001);
  CHECK(std::all_of(used.begin(), used.end(), [](const auto& item) { return item.second == 1; }));
}

TEST_CASE_METHOD(WindowTest, "equal steps have neighbours in length on all ranks") {
  rule.batches.ranks = 2;
  const Sampler order = sampler();
  Window first(order, length_of, rule, 0, 0, 0), second(order, length_of, rule, 1, 0, 0);
  const int64_t most = std::max(first.num_needed(), second.num_needed());
  first.agree(most);
  second.agree(most);
  for (int64_t step = 0; step < most; ++step) {
    const auto a = length_of(first.batch(step).front()).longest();
    const auto b = length_of(second.batch(step).front()).longest();
    CHECK(std::max(a, b) - std::min(a, b) <= 6);
  }
}

// Lengths of text: log-normal with a mean of 15, the target's up to a third off the source's.
PairLength text_length(int64_t index) {
  SplitMix draws(static_cast<uint64_t>(index) + 1);
  double normal = -6;
  for (int i = 0; i < 12; ++i)
    normal += draws.uniform();
  const double source = std::exp(2.5 + 0.65 * normal),
               target = source * (0.9 + draws.uniform() / 2);
  return {static_cast<uint32_t>(std::clamp(source, 1.0, 100.0)) + 1,
          static_cast<uint32_t>(std::clamp(target, 1.0, 100.0)) + 1};
}

TEST_CASE_METHOD(WindowTest, "lengths like those of text leave at most 5 % of padding") {
  sizes = {60000};
  length_of = [](PairId pair) { return text_length(pair.index); };
  const Sampler order = sampler();
  for (const int64_t ranks : {1, 4}) {
    rule = {{2048, ranks, 1}};
    double filled = 0, room = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      Window window(order, length_of, rule, rank, 0, 0);
      window.agree(window.num_needed());
      for (int64_t step = 0; step < window.num_steps(); ++step) {
        const auto batch = window.batch(step);
        PairLength most;
        for (const auto& pair : batch) {
          const PairLength length = length_of(pair);
          filled += length.source + length.target;
          most = {std::max(most.source, length.source), std::max(most.target, length.target)};
        }
        room += static_cast<double>(batch.size()) * (most.source + most.target);
      }
    }
    CHECK(1 - filled / room <= 0.05);
  }
}

TEST_CASE_METHOD(WindowTest, "pairs longer than the budget are left out, all others are not") {
  rule.batches.max_tokens = 40;
  const Sampler order = sampler();
  take(order, 0, 0, 1, -1);
  size_t fitting = 0;
  for (int64_t at = 0; at < rule.window_pairs; ++at)
    fitting += length_of(order.at(0, at)).longest() <= 40 ? 1 : 0;
  CHECK(used.size() == fitting);
  CHECK(fitting < 1548);
}

TEST_CASE_METHOD(WindowTest, "with fewer pairs than ranks some have empty batches") {
  sizes = {3};
  rule.batches.ranks = 4;
  const Sampler order = sampler();
  Window last(order, length_of, rule, 3, 0, 0), first(order, length_of, rule, 0, 0, 0);
  CHECK(last.num_needed() == 0);
  last.agree(1);
  CHECK(last.batch(0).empty());
  first.agree(1);
  CHECK(first.batch(0).size() == 1);
}

}  // namespace
}  // namespace xp
