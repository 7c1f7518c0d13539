// Checkpoints: one logical set of tensors, whatever the number of ranks, and exact resume.
//
// A file holds every parameter by its global name, the optimizer's state as "optimizer.STATE/NAME",
// and the progress below. Experts are collected from the ranks that hold them; loading takes what a
// rank needs, so a checkpoint can be loaded on another layout.
#pragma once

#include "engine/base/file.h"
#include "engine/train/pairs.h"
#include "engine/train/parameters.h"

#include <optional>

namespace xp {

/// Everything besides tensors that training goes on from. Sums are over all ranks.
struct TrainProgress {
  int64_t update = 0;  ///< updates done
  DataPosition data;
  double seconds = 0, cpu_seconds = 0, tokens = 0;
  double inter_node_bytes = 0, in_node_bytes = 0, gradient_inter_node_bytes = 0;
  double best_value = 0;  ///< of the best metric so far
  int64_t best_update = 0, validations_since_best = 0;
};

Value to_json(const TrainProgress& progress);
TrainProgress progress_from_json(const Value& value);

/// The checkpoints of one training, in a folder of their own.
class Checkpoints {
 public:
  /// `keep` newest ones are kept, beside the best.
  Checkpoints(fs::path folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

  /// Writes a checkpoint. Collective; rank 0 writes. Raises kMachine (no space): older ones stay.
  void save(const FlatParameters& parameters, const TrainProgress& progress, Group& world) const;
  /// Makes the checkpoint of this update the best one as well. Rank 0 only.
  void mark_best(int64_t update) const;

  /// The file of the newest checkpoint, or nothing.
  std::optional<fs::path> last() const;
  /// The newest one that is whole, for training to go on from, or nothing. Newer ones that are
  /// damaged are named on standard error. Collective: rank 0 looks, all go on from the same.
  std::optional<fs::path> usable(Group& world) const;
  fs::path best() const { return folder_ / "best.safetensors"; }

 private:
  fs::path file(int64_t update) const;
  int64_t whole_update() const;
  std::vector<fs::path> oldest_first() const;
  fs::path folder_;
  int64_t keep_;
};

/// Fills parameters and optimizer state. Raises kMachine where the file does not fit.
TrainProgress load_checkpoint(const fs::path& file, FlatParameters& parameters);
/// Fills the parameters of a model only.
void load_parameters(const fs::path& file, TranslationModel& model);

}  // namespace xp
