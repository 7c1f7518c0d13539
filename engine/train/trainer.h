// The training loop: batches in; a trained model, checkpoints and events out.
//
// Objective per update: (sum over ranks and micro-batches of cross entropy + tokens x weighted
// balance loss) / tokens of all ranks. Shared gradients are summed over ranks while the last
// backward pass and the next forward pass run (gradient_reduction.h, late_update.h); an expert's
// gradient already holds all ranks' tokens. The norm that is clipped spans both (predecessor.md
// 3.5).
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

struct Validated {
  Validation figures;
  double quality = 0;  ///< by train.best_metric, higher is better
};

struct TrainJob {
  TrainSection settings;
  SamplingSection sampling;
  fs::path checkpoints;                 ///< the folder of the training's checkpoints
  fs::path attempt;                     ///< its folder, for the record of what exchanges send;
                                        ///< empty: not recorded. The same on all ranks
  fs::path init_from;                   ///< first parameters; empty: the model's own
  Origin origin;                        ///< what checkpoints say they are of
  std::function<Validated()> validate;  ///< collective; the model is in evaluation mode meanwhile;
                                        ///< empty: there is nothing to validate on, and the last
                                        ///< checkpoint counts as the best
  int64_t micro_batch_split = 1;        ///< each micro-batch is computed in so many parts
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal: save and stop at the next update
};

struct TrainEnd {
  enum class How {
    kFinished,
    kStopped,   ///< by `stop`: to be resumed
    kDiverged,  ///< a value that is not finite, or a limit of [train.health] that is broken; the
                ///< checkpoints are those from before it
  };
  How how = How::kFinished;
  std::string cause;  ///< of a divergence: one sentence that names the update
  Value summary;      ///< "tokens_per_second", "step_ms", "inter_node_bytes", "cpu_seconds",
                      ///< "valid_loss", ...
};

/// Trains from the newest checkpoint, or from the start. Collective. `events` is null on every rank
/// but 0. Equal settings, seed and layout give equal parameters to the bit, however often training
/// was interrupted. Raises kMachine (a peer died, no space).
TrainEnd train(TranslationModel& model, const Pairs& pairs, const Groups& groups,
               const TrainJob& job, EventLog* events);

}  // namespace xp
