// A grid of blocks on the host, for tests. Both the first block and thread first, and the last: a
// kernel whose result depends on the order lacks a barrier.
#pragma once

#include "engine/cuda/kernels/numbers.h"

#include <torch/types.h>

namespace xp {

/// Runs `body(team, block)` for every block.
template <class Body>
void on_grid(int64_t blocks, bool last_first, Body body) {
  HostTeam team{last_first};
  for (int64_t i = 0; i < blocks; ++i)
    body(team, last_first ? blocks - 1 - i : i);
}

/// The elements of a contiguous tensor as the type that kernels have for them.
template <class T>
T* elements(const torch::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

template <class T>
inline constexpr auto kTypeOf = torch::kFloat;
template <>
inline constexpr auto kTypeOf<Brain16> = torch::kBFloat16;
template <>
inline constexpr auto kTypeOf<Half16> = torch::kHalf;

}  // namespace xp
