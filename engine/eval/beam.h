// Batched beam search with key/value caches. Ranks decode different sentences in step.
//
// Shapes: B sentences, K = beam hypotheses of each, R = B * K rows, V vocabulary.
#pragma once

#include "registry/model.h"

#include <cstdint>
#include <vector>

namespace xp {

struct BeamRule {
  int64_t beam = 5;  ///< 1 = greedy
  double length_penalty =
      1.0;  ///< a finished hypothesis scores log p / length ^ length_penalty, </s> counted
  double max_length_a = 1.2, max_length_b = 10;  ///< longest = a x source length + b, without </s>
};

using Pieces = std::vector<int32_t>;

/// The best translation of each source sentence (both without </s>). `sources` may be empty: the
/// rank then only takes part in the others' MoE exchanges. Collective where the model is: every
/// rank calls it the same number of times. Cost: one decoder step for each target position,
/// finished sentences leave the batch.
std::vector<Pieces> translate(TranslationModel& model, const std::vector<Pieces>& sources,
                              const BeamRule& rule, Group& world);

}  // namespace xp
