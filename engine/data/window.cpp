// Deals pairs to ranks, sorts them, cuts batches and evens out their number.
#include "engine/data/window.h"

#include "engine/base/error.h"
#include "engine/base/split_mix.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace xp {
namespace {

// With fewer pairs a rank to sort, batches would have more padding; while a window has no more than
// this, every rank can as well sort all of it and take every R-th batch.
constexpr int64_t kMinPairs = int64_t{1} << 18, kMaxShared = int64_t{1} << 20;

}  // namespace

int64_t Window::count(const Sampler& sampler, const WindowRule& rule) {
  return (sampler.size() + rule.window_pairs - 1) / rule.window_pairs;
}

Window::Window(const Sampler& sampler, const LengthOf& length_of, const WindowRule& rule,
               int64_t rank, int64_t epoch, int64_t window, std::span<const UsedSteps> used)
    : sampler_(sampler),
      length_of_(length_of),
      rule_(rule),
      rank_(rank),
      epoch_(epoch),
      first_(window * rule.window_pairs),
      size_(std::min(rule.window_pairs, sampler.size() - first_)) {
  check(size_ >= 0 && rule.batches.ranks > rank, "a window is of its epoch, a rank of its world");
  if (!used.empty()) {
    take(unused(used), /*is_shared=*/true);
  } else if (size_ <= kMaxShared && size_ < kMinPairs * rule.batches.ranks) {
    std::vector<uint32_t> all(static_cast<size_t>(size_));
    std::iota(all.begin(), all.end(), 0u);
    take(all, /*is_shared=*/true);
  } else {
    take(dealt(), /*is_shared=*/false);
  }
}

std::vector<uint32_t> Window::dealt() const {
  const int64_t ranks = rule_.batches.ranks, block = Sampler::kBlock;
  std::vector<uint32_t> own;
  own.reserve(static_cast<size_t>(size_ / ranks + block));
  for (int64_t begin = rank_ * block; begin < size_; begin += ranks * block) {
    for (int64_t i = begin; i < std::min(begin + block, size_); ++i)
      own.push_back(static_cast<uint32_t>(i));
  }
  return own;
}

// What is left of the window, worked out by doing the earlier ranks' steps again.
std::vector<uint32_t> Window::unused(std::span<const UsedSteps> used) {
  std::vector<bool> is_used(static_cast<size_t>(size_));
  for (size_t k = 0; k < used.size(); ++k) {
    WindowRule before = rule_;
    before.batches.ranks = used[k].ranks;
    std::vector<Window> ranks;
    int64_t most = 0;
    for (int64_t rank = 0; rank < used[k].ranks; ++rank) {
      ranks.emplace_back(sampler_, length_of_, before, rank, epoch_, first_ / rule_.window_pairs,
                         used.first(k));
      most = std::max(most, ranks.back().num_needed());
    }
    for (auto& window : ranks) {
      window.agree(most);
      for (int64_t step = 0; step < std::min(used[k].steps, most); ++step) {
        for (const uint32_t offset : window.offsets(step))
          is_used[offset] = true;
      }
    }
  }
  std::vector<uint32_t> left;
  for (uint32_t i = 0; i < is_used.size(); ++i)
    if (!is_used[i]) left.push_back(i);
  return left;
}

void Window::take(const std::vector<uint32_t>& offsets, bool is_shared) {
  const auto limit = static_cast<uint32_t>(std::min<int64_t>(rule_.batches.max_tokens, 1 << 30));
  std::vector<Item> items;
  items.reserve(offsets.size());
  for (const uint32_t offset : offsets) {
    const auto [source, target] = length_of_(sampler_.at(epoch_, first_ + offset));
    const uint32_t longest = std::max(source, target);
    if (longest > limit) continue;
    // The difference of the sides runs up through one length and down through the next, so that
    // batches across two lengths have like sources and like targets too.
    const uint64_t difference = std::min<uint64_t>(uint64_t{1} << 20, (1u << 19) + source - target);
    const uint64_t second = longest % 2 == 0 ? difference : (uint64_t{1} << 20) - difference;
    const uint64_t tie = scattered(rule_.batches.seed + static_cast<uint64_t>(epoch_ * 2654435761) +
                                   static_cast<uint64_t>(first_) + offset);
    items.push_back({(uint64_t{std::min(longest, 0xFFFFFu)} << 44) + (second << 23) + (tie >> 41),
                     offset, longest});
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.sort_key != b.sort_key ? a.sort_key > b.sort_key : a.offset < b.offset;
  });
  cut(items, is_shared ? rule_.batches.ranks : 1);
}

void Window::cut(const std::vector<Item>& items, int64_t ranks) {
  int64_t number = 0;
  // A few pairs are cut small enough for every rank to have some.
  const size_t share = (items.size() + static_cast<size_t>(ranks) - 1) / static_cast<size_t>(ranks);
  for (size_t at = 0; at < items.size(); ++number) {
    const uint32_t longest = std::max<uint32_t>(items[at].length, 1);
    const auto most = std::min(share, static_cast<size_t>(rule_.batches.max_tokens) / longest);
    const size_t begin = std::exchange(at, std::min(items.size(), at + most));
    if (ranks > 1 && number % ranks != rank_) continue;
    auto& batch = batches_.emplace_back();
    for (size_t i = begin; i < at; ++i)
      batch.push_back(items[i].offset);
  }
}

void Window::agree(int64_t num_steps) {
  const auto wanted = static_cast<size_t>(num_steps);
  check(wanted >= batches_.size(), "ranks agree on at least as many steps as each needs");
  while (batches_.size() < wanted) {
    const auto largest =
        std::max_element(batches_.begin(), batches_.end(),
                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (largest == batches_.end() || largest->size() < 2) break;
    const auto half = static_cast<std::ptrdiff_t>(largest->size() / 2);
    std::vector<uint32_t> rest(largest->begin() + half, largest->end());
    largest->resize(static_cast<size_t>(half));
    batches_.insert(largest + 1, std::move(rest));
  }
  batches_.resize(wanted);
  order_.resize(wanted);
  std::iota(order_.begin(), order_.end(), 0u);
  SplitMix stream(scattered(rule_.batches.seed + static_cast<uint64_t>(epoch_)) +
                  static_cast<uint64_t>(first_));
  for (size_t i = wanted; i > 1; --i)
    std::swap(order_[i - 1], order_[stream.below(i)]);
}

std::vector<PairId> Window::batch(int64_t step) const {
  std::vector<PairId> out;
  for (const uint32_t offset : offsets(step))
    out.push_back(sampler_.at(epoch_, first_ + offset));
  return out;
}

const std::vector<uint32_t>& Window::offsets(int64_t step) const {
  return batches_[order_[static_cast<size_t>(step)]];
}

}  // namespace xp
