// Sorts by length, cuts groups of one batch per rank, shuffles the groups.
#include "engine/data/batcher.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/split_mix.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace xp {
namespace {

template <class T>
void shuffle(std::vector<T>& items, SplitMix& stream) {
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[stream.below(i)]);
}

// By the longer side, then by the shorter one; equals in random order.
std::vector<uint32_t> sorted_by_length(std::span<const PairLength> lengths, uint32_t max_length,
                                       SplitMix& stream, std::vector<uint32_t>& too_long) {
  struct Key {
    uint64_t length, tie;
    uint32_t index;
  };
  std::vector<Key> keys;
  keys.reserve(lengths.size());
  for (uint32_t i = 0; i < lengths.size(); ++i) {
    const auto [source, target] = lengths[i];
    const uint64_t tie = stream.next();
    if (lengths[i].longest() > max_length) {
      too_long.push_back(i);
      continue;
    }
    // The difference of the sides runs up through one length and down through the next, so that
    // batches across two lengths have like sources and like targets too.
    const uint64_t longest = lengths[i].longest();
    const uint64_t difference = max_length + source - target;
    keys.push_back(
        {(longest << 32) + (longest % 2 == 0 ? difference : 2 * max_length - difference), tie, i});
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return std::tie(a.length, a.tie, a.index) < std::tie(b.length, b.tie, b.index);
  });
  std::vector<uint32_t> order;
  order.reserve(keys.size());
  for (const Key& key : keys)
    order.push_back(key.index);
  return order;
}

}  // namespace

Epoch plan_epoch(std::span<const PairLength> lengths, const BatchRule& rule, int64_t epoch) {
  check(rule.ranks >= 1 && rule.max_tokens >= 1, "a batch rule has ranks and a budget");
  check(lengths.size() < UINT32_MAX, "a plan has less than 2^32 pairs");
  Epoch plan;
  plan.ranks = rule.ranks;
  SplitMix stream(seed_for(rule.seed, "batches", epoch));
  const auto limit = static_cast<uint32_t>(std::min<int64_t>(rule.max_tokens, 1 << 30));
  const auto order = sorted_by_length(lengths, limit, stream, plan.too_long);

  const auto ranks = static_cast<size_t>(rule.ranks);
  std::vector<std::vector<std::vector<uint32_t>>> groups;
  // From the long end, so that the odd group left over is made of the shortest pairs.
  for (size_t end = order.size(); end > 0;) {
    auto& group = groups.emplace_back();
    const size_t group_end = end;
    while (group.size() < ranks && end > 0) {
      const size_t longest = lengths[order[end - 1]].longest();
      const size_t count =
          std::min(end, static_cast<size_t>(rule.max_tokens) / std::max<size_t>(longest, 1));
      group.emplace_back(order.rend() - static_cast<std::ptrdiff_t>(end),
                         order.rend() - static_cast<std::ptrdiff_t>(end - count));
      end -= count;
    }
    if (group.size() == ranks && end > 0) continue;
    // What is left is dealt out, so that no rank idles while another has much.
    group.assign(ranks, {});
    for (size_t i = 0; i < group_end; ++i)
      group[i % ranks].push_back(order[i]);
  }
  shuffle(groups, stream);
  plan.batches.reserve(groups.size() * ranks);
  for (auto& group : groups) {
    // No rank always gets the longest sentence of its group.
    shuffle(group, stream);
    for (auto& batch : group)
      plan.batches.push_back(std::move(batch));
  }
  return plan;
}

}  // namespace xp
