// What a linear map does to rows besides its products, in one pass over them.
#pragma once

#include <cstdint>

namespace xp {

/// y_TN += bias_N, or relu of that, for `rows` rows of `width` values.
void add_bias(float* y, int64_t rows, int64_t width, const float* bias, bool relu);

/// Columns [begin, end) of gradient_TN, rows of `width` values.
struct GradientColumns {
  const float* gradient = nullptr;
  int64_t rows = 0, width = 0, begin = 0, end = 0;
  /// Of a relu: where its result is 0 so is the gradient, which goes to `masked`. Null: as it is.
  const float* result = nullptr;
  float* masked = nullptr;
};
/// Their sums, to sums[begin, end). In parts of some rows, whose sums are added up in double.
void sum_columns(const GradientColumns& columns, float* sums);

}  // namespace xp
