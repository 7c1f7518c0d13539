// Batched beam search with key/value caches. Ranks decode different sentences, step by step
// together.
//
// Shapes: B sentences, K = beam hypotheses of each, R = B * K rows, V vocabulary.
#pragma once

#include "registry/model.h"
#include "registry/tokenizer.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace xp {

struct BeamRule {
  int64_t beam = 5;  ///< 1 = greedy
  double length_penalty =
      1.0;  ///< a finished hypothesis scores log p / length ^ length_penalty, </s> counted
  double max_length_a = 1.2, max_length_b = 10;  ///< max = a x source length + b, without </s>
  static constexpr double kMaxLength = 1e6;      ///< whatever a and b say
};

/// Language tags in place of, or beside, </s> and the first piece.
struct TagRule {
  int32_t source_end = Special::kEnd;  ///< ends every source
  int32_t begin = Special::kEnd;       ///< the decoder's first symbol
  std::optional<int32_t> first;        ///< the first piece of every translation, left out of it
  int32_t num_pieces = 0;              ///< ids from here on are tags, never predicted; 0 = none are
};

using Pieces = std::vector<int32_t>;

/// The best translation of each source sentence (both without </s>). `sources` may be empty: the
/// rank then only takes part in the MoE exchanges of the others. Collective if the model is: every
/// rank calls it the same number of times. Cost: one decoder step for each target position;
/// finished sentences leave the batch.
std::vector<Pieces> translate(TranslationModel& model, const std::vector<Pieces>& sources,
                              const BeamRule& rule, Group& world, const TagRule& tags = {});

}  // namespace xp
