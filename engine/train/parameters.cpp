// Flattens parameters.
#include "engine/train/parameters.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/nn/linear.h"
#include "engine/nn/row_loss.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xp {
namespace {

FlatBuffer flatten(std::vector<Parameter> parameters, const std::vector<std::string>& state_names,
                   int64_t tail, const Group* sharded_over) {
  FlatBuffer out;
  if (sharded_over != nullptr) {
    out.share = sharded_over->rank();
    out.shares = sharded_over->size();
  }
  out.parameters = std::move(parameters);
  int64_t size = 0;
  for (const auto& parameter : out.parameters)
    size += parameter.tensor.numel();
  const auto device = computing_device();
  out.values = torch::empty({size}, device);
  out.gradients = torch::zeros({size + tail}, device);
  const auto [first, last] = out.part(out.share);
  for (const auto& name : state_names)
    out.state[name] = torch::zeros({last - first}, device);
  const torch::NoGradGuard no_grad;
  int64_t at = 0;
  for (auto& parameter : out.parameters) {
    auto& tensor = parameter.tensor;
    const int64_t end = at + tensor.numel();
    auto view = out.values.slice(0, at, end).view(tensor.sizes());
    view.copy_(tensor);
    tensor.set_data(view);
    at = end;
  }
  out.collect_gradients();
  return out;
}

// Runs when a backward pass has a parameter's gradient: LibTorch has added it to the one in the
// buffer, or, if there was none, has left it where a product wrote it, which may be the buffer.
struct CollectGradient final : GradientPlace {
  using Listener = std::function<void(size_t)>;
  CollectGradient(torch::Tensor in_buffer, size_t number, std::shared_ptr<Listener> told)
      : parameter(number), listener(std::move(told)) {
    place = std::move(in_buffer);
  }
  void operator()(const torch::autograd::Variable& tensor) override {
    const torch::NoGradGuard no_grad;
    torch::Tensor& gradient = tensor.mutable_grad();
    if (gradient.data_ptr() != place.data_ptr()) place.copy_(gradient);
    gradient = place;
    is_taken = false;
    if (*listener) (*listener)(parameter);
  }
  size_t parameter;
  std::shared_ptr<Listener> listener;
};

}  // namespace

void FlatBuffer::collect_gradients() {
  int64_t at = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    auto& tensor = parameters[i].tensor;
    const int64_t end = at + tensor.numel();
    places_.push_back(gradients.slice(0, at, end).view(tensor.sizes()));
    tensor.mutable_grad() = places_[i];
    torch::autograd::impl::set_post_acc_grad_hooks(
        tensor, std::make_unique<CollectGradient>(places_[i], i, listener));
    at = end;
  }
}

void FlatBuffer::clear_gradients() {
  for (auto& parameter : parameters)
    parameter.tensor.mutable_grad() = torch::Tensor();
  tail().zero_();
}

void FlatBuffer::complete_gradients() {
  for (size_t i = 0; i < parameters.size(); ++i) {
    auto& gradient = parameters[i].tensor.mutable_grad();
    if (!gradient.defined()) gradient = places_[i].zero_();
  }
}

// In blocks whose borders do not depend on the number of threads.
torch::Tensor FlatBuffer::square_sum() const {
  const auto all = gradient();
  if (!all.is_cpu()) return all.square().sum().to(torch::kDouble);
  constexpr int64_t kBlock = 1 << 16;
  const auto* const first = all.const_data_ptr<float>();
  const int64_t blocks = (size() + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto count = static_cast<size_t>(std::min(kBlock, size() - i * kBlock));
      sums[static_cast<size_t>(i)] = sum_of_squares({first + i * kBlock, count});
    }
  });
  return torch::full({}, std::accumulate(sums.begin(), sums.end(), 0.0), torch::kDouble);
}

std::pair<int64_t, int64_t> FlatBuffer::part(int64_t number) const {
  const int64_t size = (values.numel() + shares - 1) / shares;
  return {std::min(number * size, values.numel()), std::min((number + 1) * size, values.numel())};
}

FlatParameters::FlatParameters(TranslationModel& model, const std::vector<std::string>& state_names,
                               int64_t tail, const Group* sharded_over) {
  std::vector<Parameter> of_all, of_rank;
  for (auto& parameter : model.parameter_list()) {
    if (parameter.copies) copies = parameter.copies;
    (parameter.is_expert ? of_rank : of_all).push_back(parameter);
  }
  shared = flatten(std::move(of_all), state_names, tail, sharded_over);
  experts = flatten(std::move(of_rank), state_names, 0, nullptr);
}

void FlatParameters::clear_gradients() {
  shared.clear_gradients();
  experts.clear_gradients();
}

void FlatParameters::complete_gradients() {
  shared.complete_gradients();
  experts.complete_gradients();
}

FlatParameters::Normalised FlatParameters::normalise_experts(Group& world,
                                                             const torch::Tensor& shared_square,
                                                             double tokens, double expert_scale,
                                                             double clip_norm) {
  const torch::NoGradGuard no_grad;
  auto gradient = experts.gradient();
  if (copies) copies->all_reduce_sum(gradient);
  auto square = experts.square_sum() / static_cast<double>(num_copies());
  if (gradient.numel() > 0) world.all_reduce_sum(square);
  const auto norm = (shared_square + expert_scale * expert_scale * square).sqrt() / tokens;
  const auto clip =
      clip_norm > 0 ? (clip_norm / (norm + 1e-12)).clamp_max(1) : torch::ones_like(norm);
  if (!norm.is_cpu() || std::isfinite(norm.item<double>()))
    gradient.mul_(clip * expert_scale / tokens);
  return {norm, clip / tokens};
}

torch::Tensor FlatParameters::normalise_gradients(Group& world, double tokens, double expert_scale,
                                                  double clip_norm) {
  const torch::NoGradGuard no_grad;
  const auto [norm, factor] =
      normalise_experts(world, shared.square_sum(), tokens, expert_scale, clip_norm);
  if (!norm.is_cpu() || std::isfinite(norm.item<double>())) shared.gradient().mul_(factor);
  return norm;
}

void apply_update(FlatBuffer& buffer, int64_t begin, int64_t end, const Optimizer& optimizer,
                  int64_t update, double lr) {
  check(buffer.shares == 1, "a part of a buffer is updated where all of its state is");
  auto values = buffer.values.slice(0, begin, end);
  OptimizerState state;
  for (const auto& [name, whole] : buffer.state)
    state[name] = whole.slice(0, begin, end);
  optimizer.apply(values, buffer.gradients.slice(0, begin, end), state, update, lr);
}

void apply_update(FlatBuffer& buffer, const Optimizer& optimizer, int64_t update, double lr,
                  Group& world) {
  const torch::NoGradGuard no_grad;
  const auto [first, last] = buffer.part(buffer.share);
  auto values = buffer.values.slice(0, first, last);
  optimizer.apply(values, buffer.gradient().slice(0, first, last), buffer.state, update, lr);
  for (int64_t rank = 0; buffer.shares > 1 && rank < buffer.shares; ++rank) {
    const auto [begin, end] = buffer.part(rank);
    auto part = buffer.values.slice(0, begin, end);
    if (end > begin) world.broadcast(part, rank);
  }
}

OptimizerState whole_state(const FlatBuffer& buffer, Group& world) {
  OptimizerState out;
  for (const auto& [name, own] : buffer.state) {
    auto& whole = out[name] = buffer.shares == 1 ? own.clone() : torch::empty_like(buffer.values);
    for (int64_t rank = 0; buffer.shares > 1 && rank < buffer.shares; ++rank) {
      const auto [begin, end] = buffer.part(rank);
      auto part = whole.slice(0, begin, end);
      if (rank == buffer.share) part.copy_(own);
      if (end > begin) world.broadcast(part, rank);
    }
  }
  return out;
}

double expert_gradient_scale(const std::string& name, int64_t ranks, int64_t copies) {
  if (name != "sqrt-world") return 1;
  return std::sqrt(static_cast<double>(ranks) / static_cast<double>(copies));
}

}  // namespace xp
