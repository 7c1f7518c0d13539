// Statistics of small samples: means over seeds, their tests and intervals.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace xp {

/// A sample's mean and standard deviation (n - 1; 0 if n < 2).
struct Moments {
  double mean = 0, spread = 0;
  size_t count = 0;
};
Moments moments(std::span<const double> values);

/// P(|T| >= |t|) of Student's t with `freedom` > 0 degrees of freedom, which need not be whole.
double student_two_sided(double t, double freedom);
/// The t that P(|T| >= t) = 1 - `confidence` holds for.
double student_limit(double confidence, double freedom);

/// Half the width of the 95 % interval of a mean; nothing if n < 2.
std::optional<double> mean_margin(const Moments& sample);

/// Two-sided p of equal means: Welch's test. Nothing if a side has fewer than two values or
/// neither varies.
std::optional<double> welch_p(const Moments& a, const Moments& b);
/// Two-sided p of a mean of 0 of paired differences. Nothing if n < 2 or they do not vary.
std::optional<double> paired_p(std::span<const double> differences);

/// Holm's step-down correction: p values of one family, made so that the chance of any false
/// finding in it stays below what each is compared with. Order is kept.
std::vector<double> holm(std::span<const double> p);

/// The value below which a `share` of the values lies, interpolated; raises kBug if there are none.
double percentile(std::vector<double> values, double share);

}  // namespace xp
