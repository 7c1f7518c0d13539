// Keys and values that decoding keeps, in cells that hypotheses share: a hypothesis is a list of
// cells, so that nothing is copied if hypotheses change places.
//
// Shapes: D model width. A cell holds a piece's key and value, 2 D floats, in every layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

using Cells = std::vector<int32_t>;

/// Grows as needed, and never shrinks.
class DecodeCache {
 public:
  DecodeCache(int64_t layers, int64_t width)
      : width_(width), floats_(static_cast<size_t>(layers)) {}

  /// A free cell, which has one user from now on. Moves all others: call it before `at`.
  int32_t take();
  void share(const Cells& cells);    ///< one more user for each
  void release(const Cells& cells);  ///< one user less for each; without any a cell is free
  float* at(int64_t layer, int32_t cell) {
    return floats_[static_cast<size_t>(layer)].data() + cell * 2 * width_;
  }

 private:
  int64_t width_;
  std::vector<std::vector<float>> floats_;  // of each layer
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
};

}  // namespace xp
