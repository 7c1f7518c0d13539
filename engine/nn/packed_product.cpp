// Tiles of rows x panel whose sums stay in registers.
#include "engine/nn/packed_product.h"

#include "engine/nn/lanes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace xp {
namespace {

// A piece of a product: `rows` x one panel.
struct Tile {
  const float* x;
  const float* weights;
  int64_t inputs;
  const float* next;  // what is multiplied with later, of which this tile fetches some lines
  int64_t num_next;   // for every kStretch inputs
  float* y;
  int64_t y_stride;
  const float* bias;
  const float* added;
  bool relu;
  int64_t columns;  // of the panel that exist
};

constexpr int64_t kStretch = 8;
constexpr int64_t kLine = 16;  // floats of a cache line

using Half = float __attribute__((vector_size(32)));

// Two vectors of columns for each row: as many sums as there are registers, so that each value that
// is loaded is used often.
template <class Vector, int kRows>
XP_INLINE void multiply_tile(const Tile& tile) {
  constexpr int kWidth = sizeof(Vector) / sizeof(float);
  Vector sum[kRows][2] = {};
  const float* w = tile.weights;
  const float* next = tile.next;
  for (int64_t k = 0; k < tile.inputs; ++k, w += 2 * kWidth) {
    if (k % kStretch == 0) {
      for (int64_t i = 0; i < tile.num_next; ++i, next += kLine)
        __builtin_prefetch(next, /*write=*/0, /*locality=*/2);
    }
    Vector left, right;
    std::memcpy(&left, w, sizeof left);
    std::memcpy(&right, w + kWidth, sizeof right);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const float x = tile.x[r * tile.inputs + k];
      sum[r][0] += x * left;
      sum[r][1] += x * right;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float y[2 * kWidth];
    std::memcpy(y, sum[r], sizeof y);
    float* out = tile.y + r * tile.y_stride;
    const float* added = tile.added == nullptr ? nullptr : tile.added + r * tile.y_stride;
    for (int64_t n = 0; n < tile.columns; ++n) {
      float value = y[n];
      if (tile.bias != nullptr) value += tile.bias[n];
      if (added != nullptr) value += added[n];
      out[n] = tile.relu && value < 0 ? 0 : value;
    }
  }
}

using TileFunction = void (*)(const Tile&);

template <int kRows>
__attribute__((target("arch=x86-64-v4"))) void multiply_v4(const Tile& tile) {
  multiply_tile<Lanes, kRows>(tile);
}

template <int kRows>
__attribute__((target("avx2,fma"))) void multiply_avx2(const Tile& tile) {
  multiply_tile<Half, kRows>(tile);
}

template <int kRows>
void multiply_anywhere(const Tile& tile) {
  multiply_tile<Half, kRows>(tile);
}

// What this processor does best. `of_rows[r - 1]` multiplies r rows.
struct Kernel {
  int64_t panel;  // outputs
  std::vector<TileFunction> of_rows;
};

template <size_t... kIndex>
Kernel kernel_v4(std::index_sequence<kIndex...>) {
  return {32, {multiply_v4<kIndex + 1>...}};
}
template <size_t... kIndex>
Kernel kernel_avx2(std::index_sequence<kIndex...>) {
  return {16, {multiply_avx2<kIndex + 1>...}};
}
template <size_t... kIndex>
Kernel kernel_anywhere(std::index_sequence<kIndex...>) {
  return {16, {multiply_anywhere<kIndex + 1>...}};
}

const Kernel& kernel() {
  static const Kernel best = [] {
    if (__builtin_cpu_supports("x86-64-v4")) return kernel_v4(std::make_index_sequence<14>());
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      return kernel_avx2(std::make_index_sequence<6>());
    return kernel_anywhere(std::make_index_sequence<2>());
  }();
  return best;
}

}  // namespace

PackedWeights::PackedWeights(const float* weight, int64_t N, int64_t K) : inputs_(K), outputs_(N) {
  const int64_t panel = kernel().panel;
  panels_.resize(static_cast<size_t>(num_panels() * panel * K));
  for (int64_t n = 0; n < N; ++n) {
    float* to = panels_.data() + n / panel * panel * K + n % panel;
    for (int64_t k = 0; k < K; ++k)
      to[k * panel] = weight[n * K + k];
  }
}

int64_t PackedWeights::num_panels() const {
  return (outputs_ + kernel().panel - 1) / kernel().panel;
}

void PackedProduct::multiply(const PackedWeights& weights, int64_t first_panel,
                             int64_t last_panel) const {
  const Kernel& best = kernel();
  const auto largest = static_cast<int64_t>(best.of_rows.size());
  // Tiles of about equal height: one of few rows would wait for its own sums.
  const int64_t num_tiles = (rows + largest - 1) / largest;
  const int64_t K = weights.inputs_, N = weights.outputs_;
  // The weights of the next panel are fetched while this one is used: they lie far away.
  const int64_t stretches = (K + kStretch - 1) / kStretch;
  const int64_t lines = best.panel * K / kLine;
  const int64_t num_next = (lines + num_tiles * stretches - 1) / (num_tiles * stretches);
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    const int64_t column = panel * best.panel;
    const float* panel_weights = weights.panels_.data() + column * K;
    const float* next = panel_weights + best.panel * K;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t from = tile * rows / num_tiles, to = (tile + 1) * rows / num_tiles;
      best.of_rows[static_cast<size_t>(to - from - 1)](
          {x + from * K, panel_weights, K, next + tile * num_next * stretches * kLine, num_next,
           y + from * N + column, N, bias == nullptr ? nullptr : bias + column,
           added == nullptr ? nullptr : added + from * N + column, relu,
           std::min(best.panel, N - column)});
    }
  }
}

}  // namespace xp
