// Equal to scipy 1.17: the expected values are its output.
#include "results/report/statistics.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Matchers::WithinAbs;
using Numbers = std::vector<double>;

TEST_CASE("Student's t equals scipy's") {
  CHECK_THAT(student_two_sided(2.0, 4), WithinAbs(0.11611652351681556, 1e-12));
  CHECK_THAT(student_two_sided(-0.5, 1), WithinAbs(0.7048327646991335, 1e-12));
  CHECK_THAT(student_two_sided(1.96, 1000), WithinAbs(0.050273184955748736, 1e-12));
  CHECK_THAT(student_two_sided(3.3, 2.7), WithinAbs(0.05324215291873395, 1e-12));
  CHECK(student_two_sided(0, 3) == 1);
  CHECK_THAT(student_limit(0.95, 1), WithinAbs(12.706204736174694, 1e-9));
  CHECK_THAT(student_limit(0.95, 2), WithinAbs(4.302652729749462, 1e-9));
  CHECK_THAT(student_limit(0.95, 30), WithinAbs(2.0422724563012378, 1e-9));
}

TEST_CASE("unequal samples are compared as scipy's ttest_ind does without equal variances") {
  const auto p = welch_p(moments(Numbers{20.1, 20.5, 19.8}), moments(Numbers{19.0, 19.6}));
  CHECK_THAT(p.value(), WithinAbs(0.15312171655821238, 1e-12));
}

TEST_CASE("two seeds a side are enough for a test, and it says little") {
  const auto p = welch_p(moments(Numbers{20.1, 20.5}), moments(Numbers{19.0, 19.6}));
  CHECK_THAT(p.value(), WithinAbs(0.12668866510729518, 1e-12));
}

TEST_CASE("pairs are compared as scipy's ttest_rel does") {
  CHECK_THAT(paired_p(Numbers{1.1, 0.9, -0.1}).value(), WithinAbs(0.23008114645054675, 1e-12));
}

TEST_CASE("without variation or with one value there is no test") {
  CHECK_FALSE(welch_p(moments(Numbers{1}), moments(Numbers{2, 3})));
  CHECK_FALSE(welch_p(moments(Numbers{1, 1}), moments(Numbers{2, 2})));
  CHECK_FALSE(paired_p(Numbers{1}));
  CHECK_FALSE(paired_p(Numbers{1, 1}));
  CHECK_FALSE(mean_margin(moments(Numbers{1})));
}

TEST_CASE("equal values have no spread, whatever rounding does to their mean") {
  const Moments same = moments(Numbers{1.1, 1.1, 1.1});
  CHECK(same.mean == 1.1);
  CHECK(same.spread == 0);
  CHECK_FALSE(welch_p(same, moments(Numbers{2.7, 2.7, 2.7})));
}

TEST_CASE("the interval of a mean is Student's") {
  // scipy.stats.t.interval(0.95, 2, 20.133333, scipy.stats.sem([20.1, 20.5, 19.8]))
  CHECK_THAT(mean_margin(moments(Numbers{20.1, 20.5, 19.8})).value(),
             WithinAbs(0.8724004935135135, 1e-9));
}

TEST_CASE("Holm's correction steps down and never turns the order") {
  const auto corrected = holm(Numbers{0.01, 0.04, 0.03, 0.005});
  const Numbers expected = {0.03, 0.06, 0.06, 0.02};
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK_THAT(corrected[i], WithinAbs(expected[i], 1e-12));
  CHECK(holm(Numbers{0.9, 0.8}) == Numbers{1, 1});
  CHECK(holm(Numbers{}).empty());
}

TEST_CASE("percentiles are interpolated as numpy does") {
  CHECK_THAT(percentile({10, 2, 3, 4, 1}, 0.025), WithinAbs(1.1, 1e-12));
  CHECK_THAT(percentile({10, 2, 3, 4, 1}, 0.975), WithinAbs(9.4, 1e-12));
}
