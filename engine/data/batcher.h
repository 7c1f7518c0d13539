// Which sentences make which batch: length buckets under a token budget, as a pure function.
//
// A batch costs sentences x the longest of all its source and target lengths, </s> included. The
// ranks of one micro-batch get neighbours in length, so that they are busy for about the same time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

/// The lengths of one pair, </s> included on both sides.
struct PairLength {
  uint32_t source = 0, target = 0;
  uint32_t longest() const { return source > target ? source : target; }
};

struct BatchRule {
  int64_t max_tokens = 4096;  ///< per rank and micro-batch
  int64_t ranks = 1;
  uint64_t seed = 1;
};

/// The batches of one pass over the data. Batch `k * ranks + r` is rank r's k-th micro-batch, as
/// indices into the lengths given; their number is a multiple of `ranks`.
struct Epoch {
  std::vector<std::vector<uint32_t>> batches;
  std::vector<uint32_t> too_long;  ///< pairs longer than the budget, in no batch
  int64_t ranks = 1;

  int64_t num_steps() const { return static_cast<int64_t>(batches.size()) / ranks; }
  const std::vector<uint32_t>& batch(int64_t step, int64_t rank) const {
    return batches[static_cast<size_t>(step * ranks + rank)];
  }
};

/// The plan of epoch `epoch` (from 0): every pair that fits is in exactly one batch; equal
/// arguments give equal plans everywhere. Batches are empty only if fewer pairs than ranks are
/// left: at most the last group formed, wherever the shuffle puts it.
Epoch plan_epoch(std::span<const PairLength> lengths, const BatchRule& rule, int64_t epoch);

}  // namespace xp
