// Keys and values that decoding keeps, in cells that hypotheses share: a hypothesis is a list of
// cells, so that nothing is copied if hypotheses change places.
//
// Shapes: D model width, N cells, R rows, C cells of the row with most. A cell holds a piece's key
// and value, 2 D floats, in every layer. On a device a layer is one tensor, so that no row of it is
// touched by the host.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

using Cells = std::vector<int32_t>;

/// Grows as needed, and never shrinks.
class DecodeCache {
 public:
  DecodeCache(int64_t layers, int64_t width)
      : width_(width),
        floats_(static_cast<size_t>(layers)),
        on_device_(static_cast<size_t>(layers)) {}

  /// A free cell, which has one user from now on. Moves all others: call it before `at`.
  int32_t take();
  void share(const Cells& cells);    ///< one more user for each
  void release(const Cells& cells);  ///< one user less for each; without any a cell is free
  /// On the CPU.
  float* at(int64_t layer, int32_t cell) {
    return floats_[static_cast<size_t>(layer)].data() + cell * 2 * width_;
  }

  /// On a device: puts keys and values into cells, and all of them.
  void put(int64_t layer, const Cells& cells, const torch::Tensor& values_R2D);
  const torch::Tensor& values(int64_t layer) const {
    return on_device_[static_cast<size_t>(layer)];
  }

 private:
  int64_t width_;
  std::vector<std::vector<float>> floats_;  // of each layer
  std::vector<torch::Tensor> on_device_;    // of each layer, [N, 2 D]
  std::vector<int32_t> num_users_;          // of each cell
  Cells free_;
};

/// Rows that go through a layer without gradient, and the cells that each attends to.
struct CachedRows {
  DecodeCache& cache;
  Cells own;                                    ///< where each row's key and value go
  std::vector<std::span<const int32_t>> cells;  ///< of each row, in the order of their positions
  /// If not null: filled with the place among its cells that each row attends to most, on average
  /// over the heads; the first of equals.
  std::vector<int32_t>* aligned = nullptr;

  /// For products over all rows at once, on a device: the cells of each row, the first of them in
  /// place of those that it does not have, and what is added to their scores, 0 or -inf. Made once.
  const torch::Tensor& cell_RC() const { return tensors().cell_RC; }
  const torch::Tensor& mask_RC() const { return tensors().mask_RC; }

  struct Tensors {
    torch::Tensor cell_RC, mask_RC;
  };
  const Tensors& tensors() const;
  mutable Tensors made = {};  ///< by `tensors`
};

}  // namespace xp
