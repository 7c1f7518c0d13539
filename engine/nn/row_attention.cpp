// Sixteen products at a time; heads whose width is no multiple of that have a remainder.
#include "engine/nn/row_attention.h"

#include "engine/base/lanes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace xp {
namespace {

XP_INLINE float product(const float* x, const float* y, int64_t count) {
  Lanes sum = lanes_of(0);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    sum += load_lanes(x + i) * load_lanes(y + i);
  if (i < count) sum += load_lanes(x + i, count - i, 0) * load_lanes(y + i, count - i, 0);
  return sum_of(sum);
}

// In place, from scores to weights that sum to 1; `count` rounded up to whole lanes holds -inf.
XP_INLINE void softmax(float* score, int64_t padded_count) {
  Lanes most = load_lanes(score);
  for (int64_t t = kLanes; t < padded_count; t += kLanes)
    most = larger_of(most, load_lanes(score + t));
  const float shift = max_of(most);
  Lanes sum = lanes_of(0);
  for (int64_t t = 0; t < padded_count; t += kLanes) {
    const Lanes weight = exp_of(load_lanes(score + t) - shift);
    store_lanes(score + t, weight);
    sum += weight;
  }
  const float scale = 1 / sum_of(sum);
  for (int64_t t = 0; t < padded_count; t += kLanes)
    store_lanes(score + t, load_lanes(score + t) * scale);
}

// The weighted sum of some columns of the cells' values, in registers.
template <int kVectors>
XP_INLINE void mix(std::span<const int32_t> cells, const float* weights, const float* values,
                   int64_t cell_floats, float* out) {
  Lanes sum[kVectors] = {};
  for (size_t t = 0; t < cells.size(); ++t) {
    const float* value = values + cells[t] * cell_floats;
    for (int i = 0; i < kVectors; ++i)
      sum[i] += weights[t] * load_lanes(value + i * kLanes);
  }
  for (int i = 0; i < kVectors; ++i)
    store_lanes(out + i * kLanes, sum[i]);
}

}  // namespace

XP_FOR_EACH_PROCESSOR void attend_row(const RowAttention& row, const float* cache, int64_t width,
                                      int64_t heads, std::span<float> scores) {
  const int64_t head_width = width / heads;
  const auto count = static_cast<int64_t>(row.cells.size());
  const int64_t stride = (count + kLanes - 1) / kLanes * kLanes;
  const float scale = 1 / std::sqrt(static_cast<float>(head_width));
  for (int64_t t = 0; t < count; ++t) {
    const float* key = cache + row.cells[static_cast<size_t>(t)] * 2 * width;
    for (int64_t h = 0; h < heads; ++h) {
      scores[static_cast<size_t>(h * stride + t)] =
          scale * product(row.query + h * head_width, key + h * head_width, head_width);
    }
  }
  for (int64_t h = 0; h < heads; ++h) {
    float* score = scores.data() + h * stride;
    for (int64_t t = count; t < stride; ++t)
      score[t] = -std::numeric_limits<float>::infinity();
    softmax(score, stride);
  }
  for (int64_t h = 0; h < heads; ++h) {
    const float* weights = scores.data() + h * stride;
    const float* values = cache + width + h * head_width;
    float* out = row.out + h * head_width;
    int64_t i = 0;
    for (; i + 4 * kLanes <= head_width; i += 4 * kLanes)
      mix<4>(row.cells, weights, values + i, 2 * width, out + i);
    for (; i + kLanes <= head_width; i += kLanes)
      mix<1>(row.cells, weights, values + i, 2 * width, out + i);
    for (; i < head_width; ++i) {
      out[i] = 0;
      for (int64_t t = 0; t < count; ++t)
        out[i] += weights[t] * values[row.cells[static_cast<size_t>(t)] * 2 * width + i];
    }
  }
}

int32_t most_attended(std::span<const float> weights, int64_t heads, size_t num_cells) {
  const size_t stride = weights.size() / static_cast<size_t>(heads);
  size_t best = 0;
  float most = -1;
  for (size_t t = 0; t < num_cells; ++t) {
    float sum = 0;
    for (size_t at = t; at < weights.size(); at += stride)
      sum += weights[at];
    if (sum > most) best = t;
    most = std::max(most, sum);
  }
  return static_cast<int32_t>(best);
}

}  // namespace xp
