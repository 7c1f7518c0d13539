// Student's t of Boost.Math, and what is made of it.
#include "results/report/statistics.h"

#include "engine/base/error.h"
#include "engine/base/to_integer.h"

#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xp {
namespace {

// What overflows becomes NaN or infinite, as everywhere else in a report, instead of an exception.
using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;
using StudentsT = boost::math::students_t_distribution<double, Quiet>;

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
  return 2 * boost::math::cdf(boost::math::complement(StudentsT(freedom), std::abs(t)));
}

double student_limit(double confidence, double freedom) {
  return boost::math::quantile(boost::math::complement(StudentsT(freedom), (1 - confidence) / 2));
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
  const auto below = static_cast<size_t>(to_integer(at));
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace xp
