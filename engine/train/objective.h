// What a training minimises.
#pragma once

#include "registry/model.h"
#include "registry/sections.h"

#include <torch/types.h>

namespace xp {

struct Objective {
  torch::Tensor sum;      ///< over the batch's tokens: cross entropy + balance loss; differentiable
  torch::Tensor nll;      ///< sum of -log p(target), in nats
  torch::Tensor balance;  ///< the balance loss of a token; undefined without MoE layers
};

/// Of a batch that is not empty, with matrix products in the format of [train] precision.
/// Collective if the model is.
Objective objective_of(TranslationModel& model, const Batch& batch, const TrainSection& settings);

/// The micro-batches of an update on each of `ranks` ranks.
int64_t num_micro_batches(const TrainSection& settings, int64_t ranks);

}  // namespace xp
