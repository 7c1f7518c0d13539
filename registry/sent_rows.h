// What exchanges of MoE layers send, counted where it is routed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

/// What one part of a layer's exchange sent from this rank while training, added up.
struct SentRows {
  int64_t width = 0, value_bytes = 0;  ///< of a row: its values, and the bytes of one
  int64_t tokens = 0;                  ///< that were routed
  std::vector<int64_t> rows_E{};       ///< kept rows by the number of their expert; empty: none
  /// Rows that crossed, by node, if a token crosses once for all its experts there; else empty.
  std::vector<int64_t> crossing_M{};
};

/// Adds counts to `sums`, from place `first` on; `sums` has then at least `size` places.
inline void add_counts(std::span<const int64_t> counts, size_t first, size_t size,
                       std::vector<int64_t>& sums) {
  if (sums.size() < size) sums.resize(size);
  for (size_t i = 0; i < counts.size(); ++i)
    sums.at(first + i) += counts[i];
}

}  // namespace xp
