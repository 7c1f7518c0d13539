// A model's parameters and gradients in two flat buffers, each reduced, clipped and updated in one
// operation.
#pragma once

#include "registry/model.h"
#include "registry/optimizer.h"

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// One flat buffer of parameters; the model's tensors are views of it.
struct FlatBuffer {
  std::vector<Parameter> parameters;  ///< views, in order
  torch::Tensor values;               ///< [n]
  torch::Tensor gradients;  ///< [n + tail]: the tail holds figures that are summed as well
  /// Of the elements that this rank updates: all, or the `share`-th of `shares` equal parts, the
  /// last of which may be smaller (ZeRO stage 1, https://arxiv.org/abs/1910.02054).
  OptimizerState state;
  int64_t share = 0, shares = 1;
  /// Told the number of a parameter whose gradient a backward pass has brought into the buffer, in
  /// the thread that called it; empty: nobody is told. Shared with the parameters' hooks.
  std::shared_ptr<std::function<void(size_t parameter)>> listener =
      std::make_shared<std::function<void(size_t)>>();

  /// [begin, end) of a part.
  std::pair<int64_t, int64_t> part(int64_t number) const;
  int64_t size() const { return values.numel(); }
  torch::Tensor gradient() const { return gradients.slice(0, 0, size()); }
  torch::Tensor tail() const { return gradients.slice(0, size(), gradients.numel()); }

  /// Brings gradients into the buffer from now on: a first one is moved there, others are added.
  void collect_gradients();
  /// Takes the parameters' gradients from them, so that the next ones need not be added to zeros.
  void clear_gradients();
  /// Those that no backward pass has given since are zero.
  void complete_gradients();
  /// Of the gradients, float64, a scalar on the buffer's device. Its bits do not depend on the
  /// number of threads.
  torch::Tensor square_sum() const;

 private:
  std::vector<torch::Tensor> places_;  ///< of each parameter's gradient in the buffer
};

/// Shared parameters are equal on all ranks; an expert is on one rank, or on one of each block of
/// ranks.
struct FlatParameters {
  FlatBuffer shared, experts;
  std::shared_ptr<Group> copies;  ///< the ranks with copies of this rank's experts, or null
  int64_t num_copies() const { return copies ? copies->size() : 1; }

  /// Moves the model's parameters into flat buffers (their tensors become views) and gives them
  /// gradients there, with `tail` figures at the end of the shared gradients. State tensors start
  /// at zero. `sharded_over`: the ranks that share the state of the shared parameters; null: each
  /// has all of it.
  FlatParameters(TranslationModel& model, const std::vector<std::string>& state_names, int64_t tail,
                 const Group* sharded_over = nullptr);

  /// Before the backward passes of an update, and behind them: between the two the buffers have no
  /// gradients that can be read.
  void clear_gradients();
  void complete_gradients();

  /// Both are float64 scalars on the device.
  struct Normalised {
    torch::Tensor norm;    ///< of the mean gradient before clipping
    torch::Tensor factor;  ///< turns sums of shared gradients into means that are clipped
  };
  /// Turns sums of experts' gradients into means and clips them: sums those of copies, scales by
  /// `expert_scale` and 1 / `tokens`, and clips all gradients at the global norm `clip_norm` (0: no
  /// clipping). Shared gradients, of which the squares over all ranks' sums add up to
  /// `shared_square`, stay as they are. If the norm is not finite experts' gradients on the CPU
  /// keep their values; those on a device are not finite either, since the host does not ask.
  /// Collective over `world`.
  Normalised normalise_experts(Group& world, const torch::Tensor& shared_square, double tokens,
                               double expert_scale, double clip_norm);
  /// The same for shared gradients, too, whose sums over ranks are all here. Returns the norm.
  torch::Tensor normalise_gradients(Group& world, double tokens, double expert_scale,
                                    double clip_norm);
};

/// One update of a buffer's elements [begin, end) from their final gradients. State is not sharded.
void apply_update(FlatBuffer& buffer, int64_t begin, int64_t end, const Optimizer& optimizer,
                  int64_t update, double lr);
/// One update of all of a buffer. Collective over `world` if state is sharded: every rank sends the
/// values that it updated.
void apply_update(FlatBuffer& buffer, const Optimizer& optimizer, int64_t update, double lr,
                  Group& world);

/// The optimizer's state of all elements of a buffer, copied. Collective over `world` if it is
/// sharded.
OptimizerState whole_state(const FlatBuffer& buffer, Group& world);

/// The factor on experts' gradients: 1 ("exact"), or the predecessor's GShard's, the root of the
/// number of ranks by copies of an expert ("sqrt-world", predecessor.md 3.5).
double expert_gradient_scale(const std::string& name, int64_t ranks, int64_t copies);

}  // namespace xp
