// Which chunks a module's parameters lie in is found once for each module.
#include "engine/train/late_update.h"

#include "engine/base/error.h"

#include <algorithm>

namespace xp {

LateUpdate::LateUpdate(FlatBuffer& shared, GradientReduction& reduction, const Optimizer& optimizer,
                       TranslationModel& model, Group& world)
    : shared_(shared),
      reduction_(reduction),
      optimizer_(optimizer),
      model_(model),
      world_(world),
      is_open_(reduction.num_chunks(), false) {
  if (world.size() == 1 || !world.overlaps() || shared.shares > 1) return;
  is_late_ = model.announce_uses([this](const torch::nn::Module& module) { before_use(module); });
}

LateUpdate::~LateUpdate() {
  if (is_late_) model_.announce_uses({});
}

void LateUpdate::start(const torch::Tensor& factor, int64_t update, double lr) {
  check(num_open_ == 0, "an update starts when the one before is complete");
  factor_ = factor;
  update_ = update;
  lr_ = lr;
  is_open_.assign(is_open_.size(), true);
  num_open_ = is_open_.size();
  reduction_.gather();
  if (!is_late_) complete();
}

void LateUpdate::complete() {
  if (num_open_ == 0) return;
  if (shared_.shares > 1) return update_sharded();
  for (size_t chunk = 0; chunk < is_open_.size(); ++chunk)
    if (is_open_[chunk]) update_chunk(chunk);
}

void LateUpdate::before_use(const torch::nn::Module& module) {
  if (num_open_ == 0) return;
  for (const size_t chunk : chunks_of(module))
    if (is_open_[chunk]) update_chunk(chunk);
}

const std::vector<size_t>& LateUpdate::chunks_of(const torch::nn::Module& module) {
  const auto [known, is_new] = chunks_of_.try_emplace(&module);
  if (!is_new) return known->second;
  const auto* const first = shared_.values.const_data_ptr<float>();
  std::vector<bool> is_used(is_open_.size(), false);
  for (const auto& parameter : module.parameters()) {
    const int64_t begin = parameter.const_data_ptr<float>() - first,
                  end = begin + parameter.numel();
    if (begin < 0 || end > shared_.size()) continue;  // an expert's
    for (size_t chunk = 0; chunk < is_used.size(); ++chunk) {
      const auto [from, until] = reduction_.chunk(chunk);
      if (from < end && begin < until) is_used[chunk] = true;
    }
  }
  for (size_t chunk = 0; chunk < is_used.size(); ++chunk)
    if (is_used[chunk]) known->second.push_back(chunk);
  return known->second;
}

void LateUpdate::update_chunk(size_t chunk) {
  reduction_.await(chunk);
  const torch::NoGradGuard no_grad;
  const auto [begin, end] = reduction_.chunk(chunk);
  shared_.gradients.slice(0, begin, end).mul_(factor_);
  apply_update(shared_, begin, end, optimizer_, update_, lr_);
  is_open_[chunk] = false;
  --num_open_;
}

void LateUpdate::update_sharded() {
  for (size_t chunk = 0; chunk < is_open_.size(); ++chunk)
    reduction_.await(chunk);
  const torch::NoGradGuard no_grad;
  shared_.gradient().mul_(factor_);
  apply_update(shared_, optimizer_, update_, lr_, world_);
  is_open_.assign(is_open_.size(), false);
  num_open_ = 0;
}

}  // namespace xp
