// The limits of [train.health].
#include "engine/train/health.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

using Sentences = std::vector<std::string>;

TEST_CASE("without limits nothing is found") {
  LossTrend trend;
  CHECK(Health({}).check_update(1e9, 1e9, trend).empty());
  CHECK(Health({}).check_loads({{"encoder.1", {100, 0}}}).empty());
}

TEST_CASE("a gradient norm above its limit is found") {
  HealthSection limits;
  limits.max_gradient_norm = 10;
  LossTrend trend;
  CHECK(Health(limits).check_update(5, 10, trend).empty());
  CHECK(Health(limits).check_update(5, 12.5, trend) ==
        Sentences{"the gradient norm is 12.5, above train.health.max_gradient_norm = 10"});
}

TEST_CASE("a loss that stays high is found, one bad update is not") {
  HealthSection limits;
  limits.max_loss_rise = 1;
  const Health health(limits);
  LossTrend trend;
  CHECK(health.check_update(4, 1, trend).empty());
  CHECK(health.check_update(9, 1, trend).empty());
  CHECK(health.check_update(4, 1, trend).empty());
  for (int i = 0; i < 2; ++i)
    health.check_update(9, 1, trend);
  CHECK(
      health.check_update(9, 1, trend) ==
      Sentences{"the mean loss of ten updates has risen by 1.683 from its lowest, 4, by more than "
                "train.health.max_loss_rise = 1"});
}

TEST_CASE("an expert that gets too few rows is named with its layer") {
  HealthSection limits;
  limits.min_expert_share = 0.1;
  CHECK(Health(limits).check_loads({{"encoder.1", {30, 25, 25, 20}}}).empty());
  CHECK(Health(limits).check_loads({{"decoder.3", {60, 39, 0.5, 0.5}}}) ==
        Sentences{"expert 2 of decoder.3 gets 0.02 of an even share of rows, below "
                  "train.health.min_expert_share = 0.1"});
}
