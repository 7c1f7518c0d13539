// The state of the thread and of the device's generator.
#include "engine/nn/surroundings.h"

#include "engine/base/hash.h"
#include "engine/device/accelerator.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include <mutex>

namespace xp {
namespace {

at::Generator generator() {
  return at::globalContext().defaultGenerator(computing_device());
}

}  // namespace

bool casts_to_bf16(torch::DeviceType device) {
  return at::autocast::is_autocast_enabled(device) &&
         at::autocast::get_autocast_dtype(device) == torch::kBFloat16;
}

Surroundings Surroundings::now() {
  Surroundings out;
  out.masks_ = dropout_position();
  auto draws = generator();
  const std::lock_guard lock(draws.mutex());
  out.draws_ = draws.get_state();
  out.has_autocast_ = at::autocast::is_autocast_enabled(computing_device().type());
  out.has_gradients_ = torch::GradMode::is_enabled();
  return out;
}

Surroundings Surroundings::branch() {
  const auto number =
      static_cast<uint64_t>(torch::randint(int64_t{1} << 62, {1}, torch::kLong).item<int64_t>());
  Surroundings here = now();
  Surroundings out = here;
  out.masks_ = {seed_for(here.masks_.seed, "branch", static_cast<int64_t>(here.masks_.num_masks)),
                0};
  ++here.masks_.num_masks;
  {
    auto draws = generator();
    const std::lock_guard lock(draws.mutex());
    draws.set_current_seed(number);
    out.draws_ = draws.get_state();
  }
  here.restore();
  return out;
}

void Surroundings::restore() const {
  set_dropout_position(masks_);
  auto draws = generator();
  const std::lock_guard lock(draws.mutex());
  draws.set_state(draws_);
  at::autocast::set_autocast_enabled(computing_device().type(), has_autocast_);
  torch::GradMode::set_enabled(has_gradients_);
}

}  // namespace xp
