// Student's t by the incomplete beta function, and what is made of it.
#include "results/report/statistics.h"

#include "engine/base/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xp {
namespace {

// The continued fraction of the incomplete beta function, by Lentz's method.
// Source: Numerical Recipes, 3rd edition, section 6.4.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kEpsilon = 1e-15;
  constexpr int kMostTerms = 10'000;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double out = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    double change = 1;
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = std::abs(c) < kTiny ? kTiny : c;
      change = d * c;
      out *= change;
    }
    if (std::abs(change - 1) < kEpsilon) break;
  }
  return out;
}

// I_x(a, b), the regularised incomplete beta function.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast on one side only; the other is its mirror image.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double square(double value) {
  return value * value;
}

}  // namespace

Moments moments(std::span<const double> values) {
  Moments out;
  out.count = values.size();
  if (values.empty()) return out;
  // Counts that are the same for every seed differ by nothing, not by what rounding leaves.
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; })) {
    out.mean = values[0];
    return out;
  }
  const auto n = static_cast<double>(values.size());
  for (const double value : values)
    out.mean += value / n;
  for (const double value : values)
    out.spread += square(value - out.mean);
  out.spread = std::sqrt(out.spread / (n - 1));
  return out;
}

double student_two_sided(double t, double freedom) {
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double student_limit(double confidence, double freedom) {
  double low = 0, high = 1;
  while (student_two_sided(high, freedom) > 1 - confidence)
    high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = (low + high) / 2;
    (student_two_sided(middle, freedom) > 1 - confidence ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::optional<double> mean_margin(const Moments& sample) {
  if (sample.count < 2) return std::nullopt;
  const auto n = static_cast<double>(sample.count);
  return student_limit(0.95, n - 1) * sample.spread / std::sqrt(n);
}

std::optional<double> welch_p(const Moments& a, const Moments& b) {
  if (a.count < 2 || b.count < 2) return std::nullopt;
  const auto na = static_cast<double>(a.count), nb = static_cast<double>(b.count);
  const double va = square(a.spread) / na, vb = square(b.spread) / nb;
  if (va + vb <= 0) return std::nullopt;
  const double freedom = square(va + vb) / (square(va) / (na - 1) + square(vb) / (nb - 1));
  return student_two_sided((a.mean - b.mean) / std::sqrt(va + vb), freedom);
}

std::optional<double> paired_p(std::span<const double> differences) {
  const Moments d = moments(differences);
  if (d.count < 2 || d.spread <= 0) return std::nullopt;
  const auto n = static_cast<double>(d.count);
  return student_two_sided(d.mean / (d.spread / std::sqrt(n)), n - 1);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> out(p.size());
  double largest = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const double corrected = std::min(1.0, static_cast<double>(p.size() - k) * p[order[k]]);
    out[order[k]] = largest = std::max(largest, corrected);
  }
  return out;
}

double percentile(std::vector<double> values, double share) {
  check(!values.empty(), "a percentile is of something");
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace xp
