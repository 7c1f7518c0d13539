// The order of an epoch's pairs as a function: nothing of the size of the corpus is kept.
//
// An epoch has as many pairs as all parts together. `proportional`: every pair once. Otherwise a
// part gives its share, and continues in the next epoch where it stopped: its pairs come in passes,
// each pair once a pass, so that none is ever used twice more than another.
#pragma once

#include "registry/sections.h"

#include <cstdint>
#include <vector>

namespace xp {

/// A pair by the part (direction) it is of and its index there.
struct PairId {
  uint32_t part = 0;
  int64_t index = 0;
  bool operator==(const PairId&) const = default;
};

/// A shuffle of 0 .. size - 1 that is computed, not stored: a Feistel network walks its cycle until
/// it is inside. Equal keys give equal orders everywhere.
class Permutation {
 public:
  Permutation(uint64_t size, uint64_t key);
  uint64_t operator()(uint64_t i) const;

 private:
  uint64_t size_, key_, mask_;
  int half_bits_;
};

class Sampler {
 public:
  /// Neighbours in a file move together, this many at a time, so that a rank which takes some of
  /// the order reads whole pages of the index.
  static constexpr int64_t kBlock = 512;

  /// `part_sizes`: pairs of each part.
  Sampler(std::vector<int64_t> part_sizes, const SamplingSection& rule, uint64_t seed);

  int64_t size() const { return firsts_.back(); }  ///< pairs an epoch
  /// Pairs of each part in an epoch.
  std::vector<int64_t> shares() const;
  /// The pair at a position, below `size`, of an epoch from 0.
  PairId at(int64_t epoch, int64_t position) const;

 private:
  std::vector<int64_t> sizes_, firsts_;  ///< positions at which parts begin, before the shuffle
  uint64_t seed_;
};

}  // namespace xp
