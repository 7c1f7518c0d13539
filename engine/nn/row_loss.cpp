// Sixteen logits at a time.
#include "engine/nn/row_loss.h"

#include "engine/base/lanes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace xp {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr int64_t kPart = 64 * kLanes;  // so many terms are summed in float, their sums in double

XP_FOR_EACH_PROCESSOR float largest_of(const float* x, int64_t count) {
  Lanes most = lanes_of(kNone);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    most = larger_of(load_lanes(x + i), most);
  return max_of(larger_of(load_lanes(x + i, count - i, kNone), most));
}

// The sum of `term` of all numbers, of which that of `fill` is 0.
template <class Term>
XP_INLINE double sum_of_terms(const float* x, int64_t count, float fill, Term term) {
  double sum = 0;
  for (int64_t at = 0; at < count; at += kPart) {
    const int64_t end = std::min(count, at + kPart);
    Lanes part = lanes_of(0);
    int64_t i = at;
    for (; i + kLanes <= end; i += kLanes)
      part += term(load_lanes(x + i));
    if (i < end) part += term(load_lanes(x + i, end - i, fill));
    sum += static_cast<double>(sum_of(part));
  }
  return sum;
}

struct Exponential {
  float shift;
  XP_INLINE Lanes operator()(const Lanes& x) const { return exp_of(x - shift); }
};
struct Itself {
  XP_INLINE Lanes operator()(const Lanes& x) const { return x; }
};
struct Square {
  XP_INLINE Lanes operator()(const Lanes& x) const { return x * x; }
};

XP_FOR_EACH_PROCESSOR double sum_exp(const float* x, int64_t count, float shift) {
  return sum_of_terms(x, count, kNone, Exponential{shift});
}

XP_FOR_EACH_PROCESSOR double sum_of_all(const float* x, int64_t count) {
  return sum_of_terms(x, count, 0, Itself{});
}

XP_FOR_EACH_PROCESSOR double sum_of_squared(const float* x, int64_t count) {
  return sum_of_terms(x, count, 0, Square{});
}

// x = e^(x - shift) * scale - less.
XP_FOR_EACH_PROCESSOR void to_probabilities(float* x, int64_t count, float shift, float scale,
                                            float less) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store_lanes(x + i, exp_of(load_lanes(x + i) - shift) * scale - less);
  const Lanes rest = exp_of(load_lanes(x + i, count - i, kNone) - shift) * scale - less;
  for (int64_t k = 0; i + k < count; ++k)
    x[i + k] = rest[k];
}

struct Sums {
  float largest;
  double exp, log_sum;  // of e^(x - largest); the logarithm of that of e^x
};

Sums sums_of(std::span<const float> logits) {
  const auto count = static_cast<int64_t>(logits.size());
  const float largest = largest_of(logits.data(), count);
  const double exp = sum_exp(logits.data(), count, largest);
  return {largest, exp, static_cast<double>(largest) + std::log(exp)};
}

RowLoss loss_of(std::span<const float> logits, int64_t target, double smoothing, double log_sum) {
  RowLoss out{.nll = log_sum - static_cast<double>(logits[static_cast<size_t>(target)])};
  if (smoothing > 0) {
    const auto count = static_cast<int64_t>(logits.size());
    out.spread = log_sum - sum_of_all(logits.data(), count) / static_cast<double>(count);
  }
  return out;
}

}  // namespace

double log_sum_exp(std::span<const float> logits) {
  return sums_of(logits).log_sum;
}

RowLoss row_loss(std::span<const float> logits, int64_t target, double smoothing) {
  return loss_of(logits, target, smoothing, log_sum_exp(logits));
}

RowLoss row_gradient(std::span<float> logits, int64_t target, double smoothing) {
  const auto count = static_cast<int64_t>(logits.size());
  const Sums sums = sums_of(logits);
  const RowLoss out = loss_of(logits, target, smoothing, sums.log_sum);
  to_probabilities(logits.data(), count, sums.largest, static_cast<float>(1 / sums.exp),
                   static_cast<float>(smoothing / static_cast<double>(count)));
  logits[static_cast<size_t>(target)] -= static_cast<float>(1 - smoothing);
  return out;
}

double sum_of_squares(std::span<const float> values) {
  return sum_of_squared(values.data(), static_cast<int64_t>(values.size()));
}

}  // namespace xp
