// Checkpoints: one logical set of tensors for any number of ranks, and exact resume.
//
// A file holds every parameter by its global name, the optimizer's state as "optimizer.STATE/NAME",
// and the progress below. Saving gathers the experts of all ranks; loading reads what a rank needs,
// so a checkpoint can be loaded on another layout.
#pragma once

#include "engine/base/file.h"
#include "engine/train/health.h"
#include "engine/train/loss_scale.h"
#include "engine/train/pairs.h"
#include "engine/train/parameters.h"
#include "results/runs/workspace.h"

#include <future>
#include <optional>

namespace xp {

/// Figures of a validation: "valid_loss" (nats per token), "perplexity", and if sentences were
/// translated "bleu" and the score of train.best_metric.
using Validation = std::map<std::string, double>;

/// Everything besides tensors that training resumes from. Sums are over all ranks.
struct TrainProgress {
  int64_t update = 0;  ///< updates done
  DataPosition data;
  double seconds = 0, cpu_seconds = 0, tokens = 0;
  double inter_node_bytes = 0, in_node_bytes = 0, gradient_inter_node_bytes = 0;
  double loss = 0;               ///< of the last update, nats per token
  double step_ms = 0;            ///< median, of the last attempt that timed any; 0 = none did
  double tokens_per_second = 0;  ///< likewise
  double best_value = 0;         ///< of the best metric so far
  int64_t best_update = 0, validations_since_best = 0;
  LossTrend trend;
  LossScale scale;               ///< of float16
  int64_t validated_update = 0;  ///< of the last validation, 0 = none yet
  Validation validation;         ///< its figures
};

Value to_json(const TrainProgress& progress);
TrainProgress progress_from_json(const Value& value);

/// Which training a checkpoint is of: kept in its metadata, and compared when it is loaded.
struct Origin {
  std::string training_id;  ///< empty: not known, and nothing is compared
  Value settings = Value::object();
};

/// The checkpoints of one training, in a folder of their own. Which one is best is part of the
/// progress in each file (results/runs/checkpoints.h).
class Checkpoints {
 public:
  /// The `keep` newest ones are kept, and what is best according to each of them: if the newest is
  /// damaged, the one before it is complete with its best.
  Checkpoints(fs::path folder, int64_t keep, bool in_background, Origin origin = {})
      : folder_(std::move(folder)),
        keep_(keep),
        in_background_(in_background),
        origin_(std::move(origin)) {}

  /// Writes a checkpoint and removes those that are not kept any more; in the background it copies
  /// the tensors and returns, and the next save waits for this one. Collective; rank 0 writes.
  /// `events` is null on every other rank: what it holds comes to the disk before the checkpoint,
  /// whose event follows when the checkpoint is there. Raises kMachine (no space), of the save
  /// before too: older ones stay.
  void save(const FlatParameters& parameters, const TrainProgress& progress, Group& world,
            EventLog* events);
  /// Waits for the last save. Raises as it does.
  void finish();

  /// The newest one that is not damaged, for training to resume from, or nothing; `notes` are
  /// sentences about newer ones that are. Collective: rank 0 reads them all, every rank resumes
  /// from the same; only rank 0 has notes. Raises kUser if it is of another training, with the
  /// settings that differ.
  struct Usable {
    std::optional<fs::path> file;
    std::vector<std::string> notes;
  };
  Usable usable(Group& world) const;

  /// Fills parameters and optimizer state from a usable file. If the best checkpoint that it
  /// names is not there any more, the result names none: the next validation decides anew.
  /// Collective. Raises kMachine if the file does not fit the model.
  TrainProgress load(const fs::path& file, FlatParameters& parameters, Group& world) const;

 private:
  void write(const std::map<std::string, torch::Tensor>& tensors, const Value& progress,
             EventLog* events) const;
  void remove_old() const;
  void restore_name(int64_t update) const;

  fs::path folder_;
  int64_t keep_;
  bool in_background_;
  Origin origin_;
  std::future<void> saving_;  // last: it ends before the members that it uses
};

/// Fills the parameters of a new model with those of a file of any origin that has all of them:
/// train.init_from. Raises kUser if it has not, with the settings under [model] and
/// [corpus.vocabulary] that differ from `origin`'s if the file knows its own; kMachine if it is
/// damaged.
void load_initial_parameters(const fs::path& file, TranslationModel& model, const Origin& origin);

/// Fills the parameters of a model with those of a file, or with the mean of several. Raises
/// kMachine if a file does not fit the model.
void load_parameters(const std::vector<fs::path>& files, TranslationModel& model);

}  // namespace xp
