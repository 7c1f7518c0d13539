// Packs sentences of different lengths into one tensor.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace xp {

/// Right-padded rows of piece ids, int64 [sentences, longest]. Cost: one copy.
torch::Tensor padded(const std::vector<std::vector<int32_t>>& sentences);

}  // namespace xp
