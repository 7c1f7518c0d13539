// Passes over rows of logits and long lists of numbers. No torch in here, so that the loops are
// compiled for every generation of processors.
#pragma once

#include <cstdint>
#include <span>

namespace xp {

/// log of the sum of e^logit; NaN if a logit is.
double log_sum_exp(std::span<const float> logits);

/// What a row of logits says about its target.
struct RowLoss {
  double nll = 0;     ///< -log p of the target
  double spread = 0;  ///< the mean of -log p over all pieces; 0 without smoothing
};
RowLoss row_loss(std::span<const float> logits, int64_t target, double smoothing);

/// The same, and leaves in the logits' place the gradient of (1 - smoothing) nll + smoothing
/// spread. Cost: three passes over the row, which should fit the cache. Thread-safe.
RowLoss row_gradient(std::span<float> logits, int64_t target, double smoothing);

/// The sum of squares: of 1024 in float, of these in double. Thread-safe.
double sum_of_squares(std::span<const float> values);

}  // namespace xp
