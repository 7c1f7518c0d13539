// Products of ragged groups of rows, each with a weight of its own, in tiles that fit shared
// memory; sums in float32. For what at::_grouped_mm does not take without a word to the host.
//
// Shapes: N rows sorted by group, X groups, group g has the rows start[g] .. start[g + 1].
#pragma once

#include "engine/cuda/kernels/numbers.h"

namespace xp {

inline constexpr int kMaxGroups = 256;  ///< what fits a kernel's parameters
inline constexpr int kTile = 64;        ///< rows and columns of the result that a block computes
inline constexpr int kDepth = 16;       ///< of a step along the inner dimension
inline constexpr int kMine = 4;         ///< rows and columns of the result that a thread computes
static_assert(kTile / kMine * (kTile / kMine) == kTeam);

template <class T>
struct ProductWork {
  const T* rows = nullptr;           ///< [N, inner]
  const T* weight[kMaxGroups] = {};  ///< [outer, inner] with the strides below
  const T* bias[kMaxGroups] = {};    ///< [outer], or null
  int64_t outer_stride = 0, inner_stride = 1;
  const int64_t* start = nullptr;
  T* out = nullptr;  ///< [N, outer]; rows outside of all groups are left alone
  int64_t num_groups = 0, inner = 0, outer = 0;
};

template <class T>
struct WeightGradientWork {
  const T* dy = nullptr;    ///< [N, outer]
  const T* rows = nullptr;  ///< [N, inner]
  const int64_t* start = nullptr;
  T* out = nullptr;   ///< [X, outer, inner]
  T* bias = nullptr;  ///< [X, outer]
  int64_t inner = 0, outer = 0;
};

struct Tiles {
  float a[kDepth][kTile], b[kDepth][kTile];
};
struct Sums {
  float of[kMine][kMine];
};

// One step: the tiles are there; each thread adds its part.
template <class Team>
XP_KERNEL void add_tiles(Team& team, const Tiles& tiles, typename Team::template Own<Sums>& sums) {
  team.each([&](int t) {
    const int row = t / (kTile / kMine) * kMine, column = t % (kTile / kMine) * kMine;
    for (int k = 0; k < kDepth; ++k)
      for (int i = 0; i < kMine; ++i)
        for (int j = 0; j < kMine; ++j)
          sums[t].of[i][j] += tiles.a[k][row + i] * tiles.b[k][column + j];
  });
}

// The tile of rows number `tile`, counted over all groups; group = num_groups if there is none.
struct RowTile {
  int64_t group, begin, end;
};
XP_KERNEL RowTile row_tile(const int64_t* start, int64_t num_groups, int64_t tile) {
  for (int64_t group = 0; group < num_groups; ++group) {
    const int64_t tiles = (start[group + 1] - start[group] + kTile - 1) / kTile;
    if (tile < tiles) {
      const int64_t begin = start[group] + tile * kTile;
      const int64_t end = begin + kTile < start[group + 1] ? begin + kTile : start[group + 1];
      return {group, begin, end};
    }
    tile -= tiles;
  }
  return {num_groups, 0, 0};
}

/// Tiles of rows that are enough for N rows in any groups.
XP_KERNEL int64_t max_row_tiles(int64_t N, int64_t num_groups) {
  return N / kTile + num_groups;
}

/// Grid outer / kTile x max_row_tiles: out = rows * weight^T + bias.
template <class T, class Team>
XP_KERNEL void grouped_product_tile(Team& team, const ProductWork<T>& work, const GridBlock& block,
                                    Tiles& shared) {
  const RowTile tile = row_tile(work.start, work.num_groups, block.y);
  if (tile.group == work.num_groups) return;
  const T* const weight = work.weight[tile.group];
  const T* const bias = work.bias[tile.group];
  const int64_t first = block.x * kTile;
  typename Team::template Own<Sums> sums{};
  for (int64_t at = 0; at < work.inner; at += kDepth) {
    team.each([&](int t) {
      for (int i = t; i < kTile * kDepth; i += kTeam) {
        const int k = i % kDepth, place = i / kDepth;
        const int64_t inner = at + k, row = tile.begin + place, column = first + place;
        const bool is_inside = inner < work.inner;
        shared.a[k][place] =
            is_inside && row < tile.end ? widened(work.rows[row * work.inner + inner]) : 0.0F;
        shared.b[k][place] =
            is_inside && column < work.outer
                ? widened(weight[column * work.outer_stride + inner * work.inner_stride])
                : 0.0F;
      }
    });
    add_tiles(team, shared, sums);
  }
  team.each([&](int t) {
    const int row = t / (kTile / kMine) * kMine, column = t % (kTile / kMine) * kMine;
    for (int i = 0; i < kMine; ++i) {
      for (int j = 0; j < kMine; ++j) {
        const int64_t r = tile.begin + row + i, o = first + column + j;
        if (r >= tile.end || o >= work.outer) continue;
        const float added = bias == nullptr ? 0.0F : widened(bias[o]);
        work.out[r * work.outer + o] = narrowed<T>(sums[t].of[i][j] + added);
      }
    }
  });
}

/// Grid inner / kTile x outer / kTile x X: out[g] = dy_g^T * rows_g.
template <class T, class Team>
XP_KERNEL void weight_gradient_tile(Team& team, const WeightGradientWork<T>& work,
                                    const GridBlock& block, Tiles& shared) {
  const int64_t begin = work.start[block.z], end = work.start[block.z + 1];
  const int64_t first_inner = block.x * kTile, first_outer = block.y * kTile;
  typename Team::template Own<Sums> sums{};
  for (int64_t at = begin; at < end; at += kDepth) {
    team.each([&](int t) {
      for (int i = t; i < kTile * kDepth; i += kTeam) {
        const int place = i % kTile, k = i / kTile;
        const int64_t row = at + k, outer = first_outer + place, inner = first_inner + place;
        shared.a[k][place] =
            row < end && outer < work.outer ? widened(work.dy[row * work.outer + outer]) : 0.0F;
        shared.b[k][place] =
            row < end && inner < work.inner ? widened(work.rows[row * work.inner + inner]) : 0.0F;
      }
    });
    add_tiles(team, shared, sums);
  }
  team.each([&](int t) {
    const int row = t / (kTile / kMine) * kMine, column = t % (kTile / kMine) * kMine;
    for (int i = 0; i < kMine; ++i) {
      for (int j = 0; j < kMine; ++j) {
        const int64_t o = first_outer + row + i, n = first_inner + column + j;
        if (o < work.outer && n < work.inner)
          work.out[(block.z * work.outer + o) * work.inner + n] = narrowed<T>(sums[t].of[i][j]);
      }
    }
  });
}

/// What a product that was made elsewhere still lacks.
template <class T>
struct FinishWork {
  T* out = nullptr;                ///< [N, outer]
  const T* bias[kMaxGroups] = {};  ///< [outer], or null
  const int64_t* start = nullptr;
  int64_t num_groups = 0, outer = 0;
};

/// Grid N: adds the group's bias; rows outside of all groups become zero.
template <class T, class Team>
XP_KERNEL void finish_row(Team& team, const FinishWork<T>& work, int64_t row) {
  team.each([&](int t) {
    const bool is_in = work.start[0] <= row && row < work.start[work.num_groups];
    int64_t group = 0;
    while (is_in && row >= work.start[group + 1])
      ++group;
    const T* const bias = work.bias[group];
    if (is_in && bias == nullptr) return;
    for (int64_t o = t; o < work.outer; o += kTeam) {
      T& out = work.out[row * work.outer + o];
      out = narrowed<T>(is_in ? widened(out) + widened(bias[o]) : 0.0F);
    }
  });
}

/// Grid X: makes the weight gradient of a group without rows zero.
template <class T, class Team>
XP_KERNEL void clear_empty(Team& team, const WeightGradientWork<T>& work, int64_t group) {
  team.each([&](int t) {
    if (work.start[group] != work.start[group + 1]) return;
    const int64_t size = work.outer * work.inner;
    for (int64_t i = t; i < size; i += kTeam)
      work.out[group * size + i] = narrowed<T>(0.0F);
  });
}

/// Grid outer / kTeam x X: bias[g] = sum of dy_g, in the order of the rows.
template <class T, class Team>
XP_KERNEL void bias_gradient(Team& team, const WeightGradientWork<T>& work,
                             const GridBlock& block) {
  team.each([&](int t) {
    const int64_t o = block.x * kTeam + t;
    if (o >= work.outer) return;
    float sum = 0;
    for (int64_t row = work.start[block.y]; row < work.start[block.y + 1]; ++row)
      sum += widened(work.dy[row * work.outer + o]);
    work.bias[block.y * work.outer + o] = narrowed<T>(sum);
  });
}

}  // namespace xp
