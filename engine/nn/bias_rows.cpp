// Sixteen columns at a time.
#include "engine/nn/bias_rows.h"

#include "engine/base/lanes.h"

#include <algorithm>
#include <vector>

namespace xp {
namespace {

constexpr int64_t kPart = 128;  // rows whose sums are added up in float

template <bool kRelu>
XP_INLINE Lanes moved(const Lanes& y, const Lanes& bias) {
  const Lanes sum = y + bias;
  return kRelu ? (sum < 0 ? Lanes{} : sum) : sum;  // a NaN stays one
}

template <bool kRelu>
XP_INLINE void move_row(float* y, int64_t width, const float* bias) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    store_lanes(y + i, moved<kRelu>(load_lanes(y + i), load_lanes(bias + i)));
  const Lanes rest =
      moved<kRelu>(load_lanes(y + i, width - i, 0), load_lanes(bias + i, width - i, 0));
  for (int64_t k = 0; i + k < width; ++k)
    y[i + k] = rest[k];
}

XP_FOR_EACH_PROCESSOR void add_to_rows(float* y, int64_t rows, int64_t width, const float* bias) {
  for (int64_t row = 0; row < rows; ++row)
    move_row<false>(y + row * width, width, bias);
}

XP_FOR_EACH_PROCESSOR void add_to_rows_relu(float* y, int64_t rows, int64_t width,
                                            const float* bias) {
  for (int64_t row = 0; row < rows; ++row)
    move_row<true>(y + row * width, width, bias);
}

// sums += gradient, `count` of each.
XP_FOR_EACH_PROCESSOR void add_row(const float* gradient, int64_t count, float* sums) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store_lanes(sums + i, load_lanes(sums + i) + load_lanes(gradient + i));
  for (; i < count; ++i)
    sums[i] += gradient[i];
}

XP_FOR_EACH_PROCESSOR void add_masked_row(const float* gradient, const float* result, int64_t count,
                                          float* masked, float* sums) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes kept = load_lanes(result + i) <= 0 ? Lanes{} : load_lanes(gradient + i);
    store_lanes(masked + i, kept);
    store_lanes(sums + i, load_lanes(sums + i) + kept);
  }
  for (; i < count; ++i) {
    masked[i] = result[i] <= 0 ? 0 : gradient[i];
    sums[i] += masked[i];
  }
}

}  // namespace

void add_bias(float* y, int64_t rows, int64_t width, const float* bias, bool relu) {
  if (relu)
    add_to_rows_relu(y, rows, width, bias);
  else
    add_to_rows(y, rows, width, bias);
}

void sum_columns(const GradientColumns& columns, float* sums) {
  const int64_t count = columns.end - columns.begin;
  std::vector<double> all(static_cast<size_t>(count));
  std::vector<float> part(static_cast<size_t>(count));
  for (int64_t first = 0; first < columns.rows; first += kPart) {
    std::fill(part.begin(), part.end(), 0.0F);
    for (int64_t row = first; row < std::min(columns.rows, first + kPart); ++row) {
      const int64_t at = row * columns.width + columns.begin;
      if (columns.result == nullptr)
        add_row(columns.gradient + at, count, part.data());
      else
        add_masked_row(columns.gradient + at, columns.result + at, count, columns.masked + at,
                       part.data());
    }
    for (size_t i = 0; i < all.size(); ++i)
      all[i] += static_cast<double>(part[i]);
  }
  for (int64_t i = 0; i < count; ++i)
    sums[columns.begin + i] = static_cast<float>(all[static_cast<size_t>(i)]);
}

}  // namespace xp
