// The training pairs of a run as batches: their order, and their tensors.
#pragma once

#include "engine/data/prepare.h"
#include "engine/data/window.h"
#include "registry/model.h"

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// The pairs of one subset in all directions of a corpus, with its tags, opened for reading.
class Pairs {
 public:
  Pairs(const PreparedCorpus& corpus, const std::string& subset);
  Pairs(const Pairs&) = delete;
  Pairs& operator=(const Pairs&) = delete;

  int64_t size() const;                     ///< pairs of all directions
  std::vector<int64_t> part_sizes() const;  ///< of each direction that has the subset
  const LengthOf& length_of() const { return length_of_; }

  /// All lengths, </s> and tags included, direction by direction; `plan_epoch` counts pairs so.
  std::vector<PairLength> lengths() const;

  /// Pairs longer than `max_tokens`, which no batch can hold, and the longest of them; of every
  /// `ranks`-th pair from `rank` on. Cost: reads the lengths of these pairs.
  struct TooLong {
    int64_t count = 0, longest = 0;
  };
  TooLong too_long(int64_t max_tokens, int64_t rank, int64_t ranks) const;

  /// These pairs as tensors, in this order: by number as in `lengths`, or by direction.
  Batch batch(const std::vector<uint32_t>& pairs) const;
  Batch batch(const std::vector<PairId>& pairs) const;

 private:
  struct Part {
    TokenSet source, target;
    SentenceFrame frame;
  };
  std::vector<Part> parts_;
  LengthOf length_of_;
};

/// Sentences [B part / parts, B (part + 1) / parts) of a batch; may be empty.
Batch part_of(const Batch& batch, int64_t part, int64_t parts);

/// The position of a training in its data; saved with a checkpoint. With another number of ranks
/// the steps so far are kept as used, and the rest of the window is divided anew.
struct DataPosition {
  int64_t epoch = 0;   ///< from 0
  int64_t window = 0;  ///< of this epoch
  int64_t step = 0;    ///< micro-batches of this window already used by each of `ranks` ranks
  int64_t ranks = 0;   ///< 0 = not started
  std::vector<UsedSteps> used;  ///< of this window, by other numbers of ranks before
};

/// The maximum of the ranks' numbers. Collective.
using Agree = std::function<int64_t(int64_t)>;

/// Endless batches of one rank, epoch after epoch, exactly resumable, prefetched by threads. Every
/// rank gets the same number of batches; some may be empty if few pairs are left.
class BatchStream {
 public:
  /// Collective, as `next` is at the end of each window: `agree` is called on this thread.
  /// Raises kUser if no pair fits the token budget.
  BatchStream(const Pairs& pairs, const BatchRule& rule, const SamplingSection& sampling,
              int64_t rank, DataPosition start, Agree agree);
  Batch next();
  const DataPosition& position() const { return position_; }
  /// Epochs so far, with the fraction of the current one.
  double epochs() const;

 private:
  void enter(Window window);
  void make_batch();

  const Pairs& pairs_;
  WindowRule rule_;
  int64_t rank_;
  DataPosition position_;
  Agree agree_;
  Sampler sampler_;
  std::optional<Window> window_;
  std::future<Window> next_window_;
  std::future<Batch> next_batch_;
};

}  // namespace xp
