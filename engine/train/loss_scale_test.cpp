// When the factor of the loss grows, shrinks and gives up.
#include "engine/train/loss_scale.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("the factor doubles after 2000 good updates in a row and halves after a bad one") {
  LossScale scale;
  for (int i = 0; i < 1999; ++i)
    scale.succeed();
  CHECK(scale.factor == 65536);
  scale.succeed();
  CHECK(scale.factor == 131072);
  for (int i = 0; i < 1999; ++i)
    scale.succeed();
  CHECK(scale.fail());
  CHECK(scale.factor == 65536);
  scale.succeed();
  CHECK(scale.factor == 65536);
}

TEST_CASE("gradients that are not finite at any factor end the training") {
  LossScale scale;
  int tries = 1;
  while (scale.fail())
    ++tries;
  CHECK(tries == 27);
}
