// The batches of a rank out of an epoch that is too long to be sorted at once.
//
// An epoch is cut into windows of neighbouring positions (sampler.h). A rank takes every R-th block
// of a window, reads the lengths of these pairs only, sorts them and cuts batches. (If that
// would be few pairs, in a small window, it sorts the whole window and takes every R-th batch.) All
// ranks then have the same number of batches: the largest that one of them needs, which they agree
// on. A position inside of a window survives a change of the number of ranks: what the ranks of
// before have used is worked out again, and the rest is dealt anew.
#pragma once

#include "engine/data/batcher.h"
#include "engine/data/sampler.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace xp {

/// The lengths of a pair, </s> and tags included.
using LengthOf = std::function<PairLength(PairId)>;

/// Steps that a number of ranks did in a window before another number took it up.
struct UsedSteps {
  int64_t ranks = 0, steps = 0;
};

struct WindowRule {
  BatchRule batches;
  int64_t window_pairs = int64_t{1} << 22;  ///< a multiple of Sampler::kBlock
};

class Window {
 public:
  /// This rank's pairs of window `window` of an epoch, without those that `used` names. Memory:
  /// some 24 bytes a pair of this rank while it is made, 4 then; the whole window's if `used` is
  /// not empty.
  Window(const Sampler& sampler, const LengthOf& length_of, const WindowRule& rule, int64_t rank,
         int64_t epoch, int64_t window, std::span<const UsedSteps> used = {});

  /// Windows of an epoch.
  static int64_t count(const Sampler& sampler, const WindowRule& rule);

  int64_t num_needed() const { return static_cast<int64_t>(batches_.size()); }

  /// Makes it exactly so many batches, at least as many as needed, by halving large ones; if
  /// there are fewer pairs, the rest is empty. All ranks call it with the largest number needed.
  void agree(int64_t num_steps);

  int64_t num_steps() const { return static_cast<int64_t>(order_.size()); }
  /// Batches of equal steps have neighbours in length on all ranks.
  std::vector<PairId> batch(int64_t step) const;

 private:
  struct Item {
    uint64_t sort_key;  ///< by length, ties at random
    uint32_t offset, length;
  };
  std::vector<uint32_t> unused(std::span<const UsedSteps> used);
  std::vector<uint32_t> dealt() const;
  void take(const std::vector<uint32_t>& offsets, bool is_shared);
  void cut(const std::vector<Item>& items, int64_t ranks);
  const std::vector<uint32_t>& offsets(int64_t step) const;

  const Sampler& sampler_;
  const LengthOf& length_of_;
  WindowRule rule_;
  int64_t rank_, epoch_, first_, size_;
  std::vector<std::vector<uint32_t>> batches_;  ///< as offsets into the window, longest first
  std::vector<uint32_t> order_;                 ///< step -> batch
};

}  // namespace xp
