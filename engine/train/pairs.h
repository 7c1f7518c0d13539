// The training pairs of a run as batches: which ones come when, and as tensors.
#pragma once

#include "engine/data/batcher.h"
#include "engine/data/prepare.h"
#include "registry/model.h"

#include <cstdint>
#include <string>
#include <vector>

namespace xp {

/// The pairs of one subset in all directions of a corpus, opened for reading.
class Pairs {
 public:
  Pairs(const PreparedCorpus& corpus, const std::string& subset);
  const std::vector<PairLength>& lengths() const { return lengths_; }  ///< </s> included
  int64_t size() const { return static_cast<int64_t>(lengths_.size()); }

  /// These pairs as tensors, in this order.
  Batch batch(const std::vector<uint32_t>& pairs) const;

 private:
  struct Part {
    TokenSet source, target;
    int64_t first;
  };
  std::vector<Part> parts_;
  std::vector<PairLength> lengths_;
};

/// Where training stands in its data; saved with a checkpoint.
struct DataPosition {
  int64_t epoch = 0;  ///< from 0
  int64_t step = 0;   ///< micro-batches of this epoch already used by each rank
};

/// Endless batches of one rank, epoch after epoch, exactly resumable. Every rank gets the same
/// number of batches; the last group of an epoch may be empty on some.
class BatchStream {
 public:
  /// Raises kUser where no pair fits the token budget.
  BatchStream(const Pairs& pairs, const BatchRule& rule, int64_t rank, DataPosition start);
  Batch next();
  const DataPosition& position() const { return position_; }
  /// Epochs so far, with the fraction of the current one.
  double epochs() const;
  /// Pairs that are longer than the budget and left out.
  int64_t num_too_long() const { return static_cast<int64_t>(epoch_.too_long.size()); }

 private:
  const Pairs& pairs_;
  BatchRule rule_;
  int64_t rank_;
  DataPosition position_;
  Epoch epoch_;
};

}  // namespace xp
