// Shares by largest remainder; order by keyed permutations of blocks.
#include "engine/data/sampler.h"

#include "engine/base/error.h"
#include "engine/base/split_mix.h"
#include "engine/base/to_integer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

namespace xp {
namespace {

constexpr int kRounds = 4;

uint64_t key_of(uint64_t seed, uint64_t what, uint64_t number) {
  return scattered(scattered(seed + what) + number);
}

// The blocks of 0 .. size - 1 shuffled; what is left over at the end stays there.
int64_t shuffled(int64_t position, int64_t size, uint64_t key) {
  const int64_t blocks = size / Sampler::kBlock, block = position / Sampler::kBlock;
  if (block >= blocks) return position;
  const Permutation order(static_cast<uint64_t>(blocks), key);
  return static_cast<int64_t>(order(static_cast<uint64_t>(block))) * Sampler::kBlock +
         position % Sampler::kBlock;
}

std::vector<double> weights(const std::vector<int64_t>& sizes, const SamplingSection& rule) {
  const double power = rule.method == "uniform"       ? 0
                       : rule.method == "temperature" ? 1 / rule.temperature
                                                      : 1;
  std::vector<double> out;
  for (const int64_t size : sizes)
    out.push_back(size == 0 ? 0 : std::pow(static_cast<double>(size), power));
  return out;
}

std::vector<int64_t> shared_out(int64_t total, const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<int64_t> out;
  std::vector<std::pair<double, size_t>> rests;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double exact = sum == 0 ? 0 : static_cast<double>(total) * weights[i] / sum;
    out.push_back(to_integer(exact));
    if (weights[i] > 0) rests.emplace_back(static_cast<double>(out[i]) - exact, i);
  }
  std::sort(rests.begin(), rests.end());
  int64_t left = total - std::accumulate(out.begin(), out.end(), int64_t{0});
  for (size_t i = 0; left > 0 && !rests.empty(); i = (i + 1) % rests.size(), --left)
    ++out[rests[i].second];
  return out;
}

}  // namespace

Permutation::Permutation(uint64_t size, uint64_t key) : size_(size), key_(key) {
  check(size > 0, "something is shuffled");
  half_bits_ = std::max(1, static_cast<int>((std::bit_width(size - 1) + 1) / 2));
  mask_ = (uint64_t{1} << half_bits_) - 1;
}

uint64_t Permutation::operator()(uint64_t i) const {
  check(i < size_, "a position of a shuffle is below its size");
  do {
    uint64_t left = i >> half_bits_, right = i & mask_;
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t mixed = scattered(key_ + right * kRounds + static_cast<uint64_t>(round));
      left = std::exchange(right, (left ^ mixed) & mask_);
    }
    i = (left << half_bits_) | right;
  } while (i >= size_);
  return i;
}

Sampler::Sampler(std::vector<int64_t> part_sizes, const SamplingSection& rule, uint64_t seed)
    : sizes_(std::move(part_sizes)), firsts_{0}, seed_(seed) {
  const int64_t total = std::accumulate(sizes_.begin(), sizes_.end(), int64_t{0});
  const auto counts =
      rule.method == "proportional" ? sizes_ : shared_out(total, weights(sizes_, rule));
  for (const int64_t count : counts)
    firsts_.push_back(firsts_.back() + count);
}

std::vector<int64_t> Sampler::shares() const {
  std::vector<int64_t> out;
  for (size_t i = 0; i + 1 < firsts_.size(); ++i)
    out.push_back(firsts_[i + 1] - firsts_[i]);
  return out;
}

PairId Sampler::at(int64_t epoch, int64_t position) const {
  check(position >= 0 && position < size(), "a position of an epoch is below its size");
  const auto epoch_key = key_of(seed_, 0, static_cast<uint64_t>(epoch));
  const int64_t mixed = shuffled(position, size(), epoch_key);
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), mixed);
  const auto part = static_cast<size_t>(after - firsts_.begin()) - 1;
  // Where the part stands in its endless series of passes.
  const int64_t share = firsts_[part + 1] - firsts_[part];
  const int64_t drawn = epoch * share + mixed - firsts_[part];
  const int64_t pass = drawn / sizes_[part];
  const auto pass_key = key_of(seed_, part + 1, static_cast<uint64_t>(pass));
  return {static_cast<uint32_t>(part), shuffled(drawn % sizes_[part], sizes_[part], pass_key)};
}

}  // namespace xp
