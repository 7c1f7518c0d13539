// What a training minimises.
#pragma once

#include "registry/model.h"
#include "registry/sections.h"

#include <torch/types.h>

#include <span>
#include <vector>

namespace xp {

struct Objective {
  torch::Tensor sum;      ///< over the batch's tokens: cross entropy + balance loss; differentiable
  torch::Tensor nll;      ///< sum of -log p(target), in nats
  torch::Tensor balance;  ///< the balance loss of a token; undefined without MoE layers
};

/// Of at most two micro-batches, with matrix products in the format of [train] precision. Of an
/// empty one: a sum that is zero and carries the gradient of what the ranks do together, if there
/// is any. Collective if the model is.
///
/// Two take turns: while rows of one cross nodes, the other one computes. A backward pass from both
/// sums goes the same way back, and hides the gradients' exchange like the rows'.
std::vector<Objective> objectives_of(TranslationModel& model, std::span<const Batch> batches,
                                     const TrainSection& settings);

/// Adds the gradients of all sums, times `factor`, to those of the parameters, in one backward
/// pass. Collective if the model is.
void add_gradients_of(const std::vector<Objective>& objectives, double factor = 1);

/// The micro-batches of an update on each of `ranks` ranks.
int64_t num_micro_batches(const TrainSection& settings, int64_t ranks);

}  // namespace xp
