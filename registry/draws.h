// The random numbers of routers and of token clustering, in one place, so that a recorded run can
// be replayed.
#pragma once

#include <torch/types.h>

#include <vector>

namespace xp {

/// Draws from the default generator; a replay answers with what was recorded instead.
struct Draws {
  virtual ~Draws() = default;

  /// U[0, 1).
  virtual torch::Tensor uniform(const std::vector<int64_t>& shape,
                                const torch::TensorOptions& options) {
    return torch::rand(shape, options);
  }
  /// Gumbel(0, 1): -log(-log U).
  virtual torch::Tensor gumbel(const std::vector<int64_t>& shape,
                               const torch::TensorOptions& options) {
    return -(-torch::rand(shape, options).clamp_min_(1e-20).log()).log();
  }
  /// The order of the rows of a balanced assignment (engine/moe/balanced_assignment.h), which
  /// depends on how ties fell; a replay answers with the recorded one.
  virtual torch::Tensor assignment_order(const torch::Tensor& order_T) { return order_T; }
};

}  // namespace xp
