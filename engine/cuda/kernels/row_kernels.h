// Rows by index: gathered, and added up by token with their weights, without the randomness of
// floating-point atomics.
//
// Shapes: T tokens, N rows, D width. A row of token -1 belongs to no token.
#pragma once

#include "engine/cuda/kernels/numbers.h"

namespace xp {

/// Copies rows as `units` words of the type Unit, which need not be that of the elements.
template <class Unit>
struct GatherWork {
  const Unit* x = nullptr;
  const int64_t* token_N = nullptr;
  Unit* rows = nullptr;
  int64_t units = 0;
};

/// Grid N.
template <class Unit, class Team>
XP_KERNEL void gather_row(Team& team, const GatherWork<Unit>& work, int64_t row) {
  team.each([&](int t) {
    const int64_t token = work.token_N[row];
    for (int64_t i = t; i < work.units; i += kTeam)
      work.rows[row * work.units + i] = token < 0 ? Unit{} : work.x[token * work.units + i];
  });
}

/// The rows of each token, of which more than kListed are possible but not usual.
inline constexpr int kListed = 16;

template <class T, class W>
struct ScatterWork {
  const T* rows_ND = nullptr;
  const int64_t* token_N = nullptr;
  const W* weight_N = nullptr;
  T* y_TD = nullptr;
  int64_t N = 0, D = 0;
  int32_t* count_T = nullptr;  ///< zero at first
  int32_t* list = nullptr;     ///< [T, kListed]
};

/// Grid of N / kTeam, rounded up: lists the rows of each token, in any order.
template <class T, class W, class Team>
XP_KERNEL void list_rows(Team& team, const ScatterWork<T, W>& work, int64_t block) {
  team.each([&](int t) {
    const int64_t row = block * kTeam + t;
    if (row >= work.N || work.token_N[row] < 0) return;
    const int64_t token = work.token_N[row];
    const int32_t place = add_shared(&work.count_T[token], 1);
    if (place < kListed) work.list[token * kListed + place] = static_cast<int32_t>(row);
  });
}

struct ListedRows {
  int32_t row[kListed];
};

/// Grid T: y = sum of weight * row over the token's rows in their order, in float32.
template <class T, class W, class Team>
XP_KERNEL void sum_rows(Team& team, const ScatterWork<T, W>& work, int64_t token,
                        ListedRows& shared) {
  const int32_t count = work.count_T[token];
  const int32_t listed = count < kListed ? count : kListed;
  team.each([&](int t) {
    if (t >= listed) return;
    // Its place in the order is the number of smaller ones.
    const int32_t row = work.list[token * kListed + t];
    int place = 0;
    for (int i = 0; i < listed; ++i)
      place += work.list[token * kListed + i] < row ? 1 : 0;
    shared.row[place] = row;
  });
  team.each([&](int t) {
    for (int64_t d = t; d < work.D; d += kTeam) {
      float sum = 0;
      const auto add = [&](int64_t row) {
        sum +=
            rounded_product(widened(work.weight_N[row]), widened(work.rows_ND[row * work.D + d]));
      };
      if (count <= kListed) {
        for (int i = 0; i < listed; ++i)
          add(shared.row[i]);
      } else {
        for (int64_t row = 0; row < work.N; ++row)
          if (work.token_N[row] == token) add(row);
      }
      work.y_TD[token * work.D + d] = narrowed<T>(sum);
    }
  });
}

template <class T, class W>
struct ScatterBackwardWork {
  const T* dy_TD = nullptr;
  const T* rows_ND = nullptr;
  const int64_t* token_N = nullptr;
  const W* weight_N = nullptr;
  T* drows_ND = nullptr;
  W* dweight_N = nullptr;
  int64_t D = 0;
};

struct RowSums {
  float sum[kTeam];
};

/// Grid N: drow = weight * dy, dweight = row . dy, added up in a fixed order.
template <class T, class W, class Team>
XP_KERNEL void scatter_backward_row(Team& team, const ScatterBackwardWork<T, W>& work, int64_t row,
                                    RowSums& shared) {
  const int64_t token = work.token_N[row];
  team.each([&](int t) {
    const float weight = widened(work.weight_N[row]);
    float sum = 0;
    for (int64_t d = t; d < work.D; d += kTeam) {
      const float dy = token < 0 ? 0.0F : widened(work.dy_TD[token * work.D + d]);
      sum += rounded_product(widened(work.rows_ND[row * work.D + d]), dy);
      work.drows_ND[row * work.D + d] = narrowed<T>(rounded_product(weight, dy));
    }
    shared.sum[t] = token < 0 ? 0.0F : sum;
  });
  for (int half = kTeam / 2; half > 0; half /= 2) {
    team.each([&](int t) {
      if (t < half) shared.sum[t] += shared.sum[t + half];
    });
  }
  team.each([&](int t) {
    if (t == 0) work.dweight_N[row] = narrowed<W>(shared.sum[0]);
  });
}

}  // namespace xp
