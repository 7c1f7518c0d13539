// Attention of single rows over keys and values that lie anywhere in a cache: what decoding needs.
// No torch in here, so that the loops are compiled for every generation of processors.
//
// A cell holds the key and the value of one piece: 2 D floats, D the model width.
#pragma once

#include <cstdint>
#include <span>

namespace xp {

/// A query over the keys of some cells.
struct RowAttention {
  const float* query = nullptr;    ///< [D]
  std::span<const int32_t> cells;  ///< at least one
  float* out = nullptr;            ///< [D], every head's mean of its values
};

/// Floats that `attend_row` needs for its scores.
constexpr size_t score_room(int64_t heads, size_t num_cells) {
  return static_cast<size_t>(heads) * ((num_cells + 15) / 16 * 16);
}

/// `scores` has room for score_room and keeps the weights. A row's result depends on nothing but
/// its query, keys and values. Thread-safe. Cost: one pass over the cells.
void attend_row(const RowAttention& row, const float* cache, int64_t width, int64_t heads,
                std::span<float> scores);

/// Which cell of those that `attend_row` left weights for has most, summed over the heads; the
/// first of equals.
int32_t most_attended(std::span<const float> weights, int64_t heads, size_t num_cells);

}  // namespace xp
