// Autograd functions around the masks.
#include "engine/nn/dropout.h"

#include "engine/base/error.h"
#include "engine/base/split_mix.h"
#include "engine/device/ops.h"
#include "engine/nn/dropout_mask.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread

thread_local DropoutPosition position;

uint64_t next_key() {
  SplitMix random(position.seed + position.num_masks++);
  return random.next();
}

// `added` may be undefined. The mask is applied in float32.
torch::Tensor masked(const torch::Tensor& x, const torch::Tensor& added, uint64_t key, double p) {
  if (!x.is_cpu()) {
    const auto kept = x.to(torch::kFloat) * dropout_mask(x, p, key, /*first=*/0);
    return (added.defined() ? added.to(torch::kFloat) + kept : kept)
        .to(added.defined() ? added.scalar_type() : x.scalar_type());
  }
  const auto from = x.to(torch::kFloat).contiguous();
  const auto h = added.defined() ? added.to(torch::kFloat).contiguous() : added;
  auto out = torch::empty_like(from);
  MaskedRange whole{from.const_data_ptr<float>(), h.defined() ? h.const_data_ptr<float>() : nullptr,
                    out.data_ptr<float>(), 0, from.numel()};
  at::parallel_for(0, from.numel(), kGrain, [&](int64_t begin, int64_t end) {
    MaskedRange part = whole;
    part.begin = begin;
    part.end = end;
    apply_dropout_mask(part, key, p);
  });
  return out.to(added.defined() ? added.scalar_type() : x.scalar_type());
}

// xp::dropout_mask (engine/device/ops.h) on the CPU.
torch::Tensor mask_like(const torch::Tensor& like, double p, int64_t seed, int64_t first) {
  check(first == 0, "a mask begins at its first element");
  auto out = torch::ones(like.sizes(), torch::kFloat);
  auto* const values = out.data_ptr<float>();
  apply_dropout_mask({values, nullptr, values, 0, out.numel()}, static_cast<uint64_t>(seed), p);
  return out;
}

TORCH_LIBRARY_IMPL(xp, CPU, m) {
  m.impl("dropout_mask", &mask_like);
}

void save(AutogradContext* context, const torch::Tensor& x, uint64_t key, double p) {
  context->saved_data["key"] = static_cast<int64_t>(key);
  context->saved_data["p"] = p;
  context->saved_data["type"] = static_cast<int64_t>(x.scalar_type());
}

torch::Tensor gradient_of_x(AutogradContext* context, const torch::Tensor& gradient) {
  const auto key = static_cast<uint64_t>(context->saved_data["key"].toInt());
  const auto type = static_cast<torch::ScalarType>(context->saved_data["type"].toInt());
  return masked(gradient, {}, key, context->saved_data["p"].toDouble()).to(type);
}

struct Dropout : torch::autograd::Function<Dropout> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, double p) {
    const uint64_t key = next_key();
    save(context, x, key, p);
    return masked(x, {}, key, p);
  }
  static variable_list backward(AutogradContext* context, variable_list gradient) {
    return {gradient_of_x(context, gradient[0]), {}};
  }
};

struct AddDropout : torch::autograd::Function<AddDropout> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& h,
                               const torch::Tensor& x, double p) {
    const uint64_t key = next_key();
    save(context, x, key, p);
    return masked(x, h, key, p);
  }
  static variable_list backward(AutogradContext* context, variable_list gradient) {
    return {gradient[0], gradient_of_x(context, gradient[0]), {}};
  }
};

}  // namespace

void seed_dropout(uint64_t seed) {
  position = {seed, 0};
}

DropoutPosition dropout_position() {
  return position;
}

void set_dropout_position(const DropoutPosition& to) {
  position = to;
}

torch::Tensor dropped(const torch::Tensor& x, double p, bool training) {
  return training && p > 0 ? Dropout::apply(x, p) : x;
}

torch::Tensor add_dropped(const torch::Tensor& h, const torch::Tensor& x, double p, bool training) {
  return training && p > 0 ? AddDropout::apply(h, x, p) : h + x;
}

}  // namespace xp
