// One small exchange of integers before rows are sent: who gets how many.
#pragma once

#include "engine/comm/group.h"

#include <torch/types.h>

#include <memory>
#include <vector>

namespace xp {

std::vector<int64_t> to_vector(const torch::Tensor& integers);

/// Sends row r of a [R, C] matrix of integers to member r. With it go the width and type of the
/// rows that will follow, which must agree, and whether this rank's weights are finite; if not,
/// every rank raises the same error. Collective.
class CountExchange {
 public:
  CountExchange(const torch::Tensor& counts_RC, const torch::Tensor& x_TD, bool is_finite,
                Group& group);
  /// [R, C], row r from member r. Raises kUser.
  torch::Tensor wait();

 private:
  torch::Tensor own_;
  Group& group_;
  std::unique_ptr<PendingRows> pending_;
};

}  // namespace xp
