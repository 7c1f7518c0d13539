// The experts that this rank holds.
//
// Shapes: E experts of all ranks, X of them here. Fewer experts than ranks: blocks of E ranks hold
// one set each, and rank r holds a copy of expert r mod E.
#pragma once

#include "engine/comm/group.h"
#include "engine/nn/layers.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <vector>

namespace xp {

/// Whether one of the two numbers divides the other, so that experts are shared out equally.
bool can_share(int64_t experts, int64_t ranks);

/// Which ranks act together in an MoE layer.
struct ExpertGroups {
  Groups together;                ///< `world`: the ranks that hold one set of experts
  std::shared_ptr<Group> copies;  ///< the ranks that hold copies of this rank's experts; null: none

  /// Collective. Raises kUser if ranks cannot share `experts`.
  ExpertGroups(int64_t experts, const Groups& groups);
};

/// Experts as modules named by their global number, so that a checkpoint fits any number of ranks.
class Experts : public torch::nn::Module {
 public:
  /// Each expert has one FFN width -> inner -> width for each part of `widths`; none for a width of
  /// 0.
  Experts(int64_t experts, const std::vector<int64_t>& widths, int64_t inner, const Group& together,
          const Init& init);
  int64_t on_rank() const { return static_cast<int64_t>(parts_.size()); }
  /// Part `part` of the local experts on their rows; see MoeCall::experts. Every expert runs, also
  /// without rows, so that its parameters are in every rank's gradient graph. On a device two
  /// grouped products run all experts.
  torch::Tensor forward(int64_t part, const torch::Tensor& rows_MD,
                        const torch::Tensor& start_X1) const;
  /// The same without gradient; see FeedForward::infer.
  torch::Tensor infer(int64_t part, const torch::Tensor& rows_MD,
                      const torch::Tensor& start_X1) const;

 private:
  const FeedForward& ffn(int64_t part, int64_t index) const {
    return *parts_.at(static_cast<size_t>(index)).at(static_cast<size_t>(part));
  }
  using RunOne = torch::Tensor (*)(const FeedForward& expert, const torch::Tensor& rows);
  torch::Tensor run(int64_t part, const torch::Tensor& rows_MD, const torch::Tensor& start_X1,
                    RunOne run_one) const;
  torch::Tensor grouped(int64_t part, const torch::Tensor& rows_MD,
                        const torch::Tensor& start_X1) const;

  std::vector<std::vector<std::shared_ptr<FeedForward>>> parts_;  ///< [local expert][part]
};

}  // namespace xp
