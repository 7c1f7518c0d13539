// Forward pass, cross entropy and balance loss.
#include "engine/train/objective.h"

#include "engine/device/accelerator.h"
#include "engine/nn/loss.h"

#include <ATen/autocast_mode.h>

namespace xp {
namespace {

// 16-bit matrix products while it lives, if the precision of [train] asks for them.
class Autocast {
 public:
  explicit Autocast(const std::string& precision)
      : on_(precision != "fp32"), device_(computing_device().type()) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(device_, precision == "fp16" ? at::kHalf : at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  torch::DeviceType device_;
};

}  // namespace

Objective objective_of(TranslationModel& model, const Batch& batch, const TrainSection& settings) {
  const Autocast autocast(settings.precision);
  const ModelOutput output = model.forward(batch);
  const CrossEntropy loss =
      cross_entropy(output.h_TD, output.output_VD, output.target_T, settings.label_smoothing);
  Objective out{loss.objective, loss.nll, output.balance};
  if (out.balance.defined())
    out.sum = out.sum + out.balance * static_cast<double>(batch.num_tokens);
  return out;
}

int64_t num_micro_batches(const TrainSection& settings, int64_t ranks) {
  if (!settings.tokens_per_update) return settings.accumulate;
  const int64_t tokens = settings.max_tokens * ranks;
  return (*settings.tokens_per_update + tokens - 1) / tokens;
}

}  // namespace xp
