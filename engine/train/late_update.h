// Updates shared parameters while the next forward pass already computes: each part of the model
// just before it is used, so that the sums of its gradients cross the links until then.
#pragma once

#include "engine/train/gradient_reduction.h"
#include "registry/model.h"
#include "registry/optimizer.h"

#include <unordered_map>
#include <vector>

namespace xp {

class LateUpdate {
 public:
  /// All must outlive this. Parts are updated late if there are several ranks that overlap, the
  /// optimizer's state is not sharded, and the model announces what it uses. Otherwise `start`
  /// completes the update.
  LateUpdate(FlatBuffer& shared, GradientReduction& reduction, const Optimizer& optimizer,
             TranslationModel& model, Group& world);
  ~LateUpdate();
  LateUpdate(const LateUpdate&) = delete;
  LateUpdate& operator=(const LateUpdate&) = delete;

  /// The sums that `reduction` has finished, times `factor` (float64, a scalar), are the gradients
  /// of update number `update`. The one before must be complete. Collective. Raises kMachine as
  /// Group.
  void start(const torch::Tensor& factor, int64_t update, double lr);
  /// Every parameter then has the update: before a backward pass, and before anything but the
  /// model's forward pass reads parameters. Collective. Raises kMachine as Group.
  void complete();

 private:
  void before_use(const torch::nn::Module& module);
  const std::vector<size_t>& chunks_of(const torch::nn::Module& module);
  void update_chunk(size_t chunk);
  void update_sharded();

  FlatBuffer& shared_;
  GradientReduction& reduction_;
  const Optimizer& optimizer_;
  TranslationModel& model_;
  Group& world_;
  bool is_late_ = false;

  torch::Tensor factor_;
  int64_t update_ = 0;
  double lr_ = 0;
  std::vector<bool> is_open_;  ///< chunks that have not had the update
  size_t num_open_ = 0;
  std::unordered_map<const torch::nn::Module*, std::vector<size_t>> chunks_of_;  ///< by module
};

}  // namespace xp
