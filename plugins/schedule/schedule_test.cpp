// Learning rates at the updates that matter.
#include "registry/schedule.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Approx;

TEST_CASE("inverse-sqrt rises linearly and falls with the root") {
  const auto schedule = make_part<Schedule>({{"use", "inverse-sqrt"}, {"warmup_updates", 100}});
  CHECK(schedule->factor(1) == Approx(0.01));
  CHECK(schedule->factor(100) == Approx(1));
  CHECK(schedule->factor(400) == Approx(0.5));
}

TEST_CASE("cosine ends at its lowest rate and stays there") {
  const auto schedule = make_part<Schedule>(
      {{"use", "cosine"}, {"warmup_updates", 10}, {"period_updates", 110}, {"end", 0.1}});
  CHECK(schedule->factor(10) == Approx(1));
  CHECK(schedule->factor(60) == Approx(0.55));
  CHECK(schedule->factor(110) == Approx(0.1));
  CHECK(schedule->factor(100000) == Approx(0.1));
}

TEST_CASE("constant keeps the peak after its warm-up") {
  const auto schedule = make_part<Schedule>({{"use", "constant"}, {"warmup_updates", 4}});
  CHECK(schedule->factor(1) == Approx(0.25));
  CHECK(schedule->factor(5) == 1);
}
