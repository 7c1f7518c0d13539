// Which rank translates which sentence of a round of batches, if translations depend on the batch.
// Source: the predecessor's --assignment-type (predecessor.md).
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace xp {

/// [eval] deal.
enum class Deal {
  kLength,   ///< neighbours in length stay together
  kDiverse,  ///< sentences that are alike go to different ranks, so that no rank's tokens all want
             ///< the same experts
  kRandom,   ///< any, always the same ones
};

/// Raises kUser if there is none of that name.
Deal deal_of(const std::string& name);

/// What a sentence is about: one row, [D].
using LikenessOf = std::function<torch::Tensor(size_t sentence)>;

/// Deals the sentences of each round of `ranks` batches out among them anew; each batch of the
/// round gets as many as any other, or one less. Batches of kLength stay as they are. `likeness` is
/// called for kDiverse only: it makes groups of `ranks` sentences that are alike
/// (balanced_assignment), of which each batch gets one. Does not depend on the batches of other
/// rounds. Cost: see balanced_assignment, with S / ranks groups of the S sentences of a round.
void deal_anew(std::vector<std::vector<size_t>>& batches, size_t ranks, Deal deal,
               const LikenessOf& likeness);

}  // namespace xp
