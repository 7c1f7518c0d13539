// Forward pass, cross entropy and balance loss.
#include "engine/train/objective.h"

#include "engine/base/error.h"
#include "engine/base/turns.h"
#include "engine/device/accelerator.h"
#include "engine/nn/loss.h"
#include "engine/nn/surroundings.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

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

Objective objective_of(TranslationModel& model, const Batch& batch, const TrainSection& settings) {
  if (batch.empty()) return {model.idle_forward(), {}, {}};
  const Autocast autocast(settings.precision);
  const ModelOutput output = model.forward(batch);
  const CrossEntropy loss =
      cross_entropy(output.h_TD, output.output_VD, output.target_T, settings.label_smoothing);
  Objective out{loss.objective, loss.nll, output.balance};
  if (out.balance.defined())
    out.sum = out.sum + out.balance * static_cast<double>(batch.num_tokens);
  return out;
}

}  // namespace

std::vector<Objective> objectives_of(TranslationModel& model, std::span<const Batch> batches,
                                     const TrainSection& settings) {
  check(batches.size() == 1 || batches.size() == 2, "one micro-batch or two");
  std::vector<Objective> out(batches.size());
  const auto compute = [&](size_t i) { out[i] = objective_of(model, batches[i], settings); };
  if (batches.size() == 1) {
    compute(0);
    return out;
  }
  // Each has its own streams of random numbers, whatever the other draws meanwhile.
  Surroundings others = Surroundings::branch();
  take_turns([&] { compute(0); }, [&] { compute(1); },
             [&] {
               const Surroundings here = Surroundings::now();
               others.restore();
               others = here;
             });
  return out;
}

void add_gradients_of(const std::vector<Objective>& objectives, double factor) {
  std::vector<torch::Tensor> sums;
  for (const Objective& one : objectives)
    if (one.sum.requires_grad()) sums.push_back(factor == 1 ? one.sum : one.sum * factor);
  if (!sums.empty()) torch::autograd::backward(sums, {});
}

int64_t num_micro_batches(const TrainSection& settings, int64_t ranks) {
  if (!settings.tokens_per_update) return settings.accumulate;
  const int64_t tokens = settings.max_tokens * ranks;
  return (*settings.tokens_per_update + tokens - 1) / tokens;
}

}  // namespace xp
