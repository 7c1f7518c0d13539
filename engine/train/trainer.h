// The training loop: batches in, a trained model, checkpoints and events out.
//
// Objective per update: (sum over ranks and micro-batches of cross entropy + tokens x weighted
// balance loss) / tokens of all ranks. Shared gradients are summed over ranks in one all-reduce; an
// expert's gradient already holds all ranks' tokens. The norm that is clipped spans both
// (predecessor.md 3.5).
#pragma once

#include "engine/data/prepare.h"
#include "engine/train/checkpoint.h"
#include "registry/model.h"
#include "registry/sections.h"
#include "results/runs/workspace.h"

#include <atomic>
#include <functional>
#include <string>

namespace xp {

/// Figures of a validation: "valid_loss" (nats per token), "perplexity", and "bleu" where sentences
/// were translated.
using Validation = std::map<std::string, double>;

struct TrainJob {
  TrainSection settings;
  SamplingSection sampling;
  fs::path checkpoints;                  ///< the folder of the training's checkpoints
  std::function<Validation()> validate;  ///< collective; the model is in evaluation mode meanwhile
  int64_t micro_batch_split = 1;         ///< parts that each micro-batch is worked through in
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal: save and stop at the next update
};

struct TrainEnd {
  bool stopped = false;  ///< by `stop`: not finished, to be continued
  Value summary;         ///< "tokens_per_second", "step_ms", "inter_node_bytes", "cpu_seconds",
                         ///< "valid_loss", ...
};

/// Trains from the newest checkpoint, or from the start. Collective. `events` is null on every rank
/// but 0. Equal settings, seed and layout give equal parameters to the bit, however often training
/// was interrupted. Raises kMachine (a peer died, no space), kUser (loss is not finite: names the
/// update and what to try).
TrainEnd train(TranslationModel& model, const Pairs& pairs, const Groups& groups,
               const TrainJob& job, EventLog* events);

}  // namespace xp
