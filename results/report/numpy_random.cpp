// The constants are those of SeedSequence and PCG64.
#include "results/report/numpy_random.h"

#include <array>
#include <bit>
#include <cstddef>

namespace xp {
namespace {

constexpr int kShift = 16;

// Hashes words one after the other, each with another constant.
class Hash {
 public:
  Hash(uint32_t constant, uint32_t factor) : constant_(constant), factor_(factor) {}
  uint32_t operator()(uint32_t value) {
    value ^= constant_;
    constant_ *= factor_;
    value *= constant_;
    return value ^ (value >> kShift);
  }

 private:
  uint32_t constant_, factor_;
};

uint32_t mixed(uint32_t a, uint32_t b) {
  const uint32_t out = 0xCA01F9DDu * a - 0x4973F715u * b;
  return out ^ (out >> kShift);
}

// SeedSequence(seed).generate_state(4, uint64).
std::array<uint64_t, 4> seed_words(uint32_t seed) {
  std::array<uint32_t, 4> pool{};
  Hash hash(0x43B0D7E5u, 0x931E8875u);
  for (std::size_t i = 0; i < pool.size(); ++i)
    pool[i] = hash(i == 0 ? seed : 0);
  for (std::size_t from = 0; from < pool.size(); ++from)
    for (std::size_t to = 0; to < pool.size(); ++to)
      if (from != to) pool[to] = mixed(pool[to], hash(pool[from]));
  Hash output(0x8B51F9DDu, 0x58F38DEDu);
  std::array<uint64_t, 4> out{};
  for (std::size_t i = 0; i < 2 * out.size(); ++i)
    out[i / 2] |= static_cast<uint64_t>(output(pool[i % pool.size()])) << (i % 2 * 32);
  return out;
}

constexpr NumpyRandom::Wide wide(uint64_t high, uint64_t low) {
  return static_cast<NumpyRandom::Wide>(high) << 64 | low;
}

}  // namespace

NumpyRandom::NumpyRandom(uint32_t seed) {
  const auto words = seed_words(seed);
  increment_ = wide(words[2], words[3]) << 1 | 1;
  next64();
  state_ += wide(words[0], words[1]);
  next64();
}

uint64_t NumpyRandom::next64() {
  state_ = state_ * wide(0x2360ED051FC65DA4u, 0x4385DF649FCCF645u) + increment_;
  const auto high = static_cast<uint64_t>(state_ >> 64), low = static_cast<uint64_t>(state_);
  return std::rotr(high ^ low, static_cast<int>(high >> 58));
}

uint32_t NumpyRandom::next32() {
  if (has_kept_) {
    has_kept_ = false;
    return kept_;
  }
  const uint64_t both = next64();
  kept_ = static_cast<uint32_t>(both >> 32);
  has_kept_ = true;
  return static_cast<uint32_t>(both);
}

// Lemire 2019, "Fast Random Integer Generation in an Interval".
uint32_t NumpyRandom::below(uint32_t limit) {
  if (limit == 1) return 0;
  uint64_t product = static_cast<uint64_t>(next32()) * limit;
  if (static_cast<uint32_t>(product) < limit) {
    const uint32_t threshold = (UINT32_MAX - (limit - 1)) % limit;
    while (static_cast<uint32_t>(product) < threshold)
      product = static_cast<uint64_t>(next32()) * limit;
  }
  return static_cast<uint32_t>(product >> 32);
}

bool NumpyRandom::coin() {
  if (num_coins_ == 0) {
    coins_ = next32();
    num_coins_ = 32;
  } else {
    coins_ >>= 1;
  }
  --num_coins_;
  return (coins_ & 1) != 0;
}

}  // namespace xp
