// First values depend on the seed and the parameter's name alone.
#include "engine/nn/init.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("equal names and seeds give equal values, others give others") {
  const Init init(7);
  const auto values = (init / "a" / "b").normal({50}, 1);
  CHECK(torch::equal((Init(7) / "a" / "b").normal({50}, 1), values));
  CHECK_FALSE(torch::equal((init / "a" / "c").normal({50}, 1), values));
  CHECK_FALSE(torch::equal((Init(8) / "a" / "b").normal({50}, 1), values));
}

TEST_CASE("values do not depend on what was drawn before") {
  const auto first = (Init(7) / "x").uniform({5}, 1);
  torch::manual_seed(3);
  (Init(7) / "y").uniform({1000}, 1);
  torch::rand({17});
  CHECK(torch::equal((Init(7) / "x").uniform({5}, 1), first));
}

TEST_CASE("uniform values keep their bound and normal values their deviation") {
  const Init init(1);
  CHECK(init.uniform({10000}, 0.2).abs().max().item<double>() <= 0.2);
  CHECK(init.normal({10000}, 0.5).std().item<double>() == Catch::Approx(0.5).epsilon(0.05));
}

TEST_CASE("orthogonal rows are orthonormal, or columns if there are fewer") {
  const auto wide = Init(2).orthogonal(3, 8), tall = Init(2).orthogonal(8, 3);
  CHECK(torch::allclose(torch::matmul(wide, wide.t()), torch::eye(3), 1e-4, 1e-5));
  CHECK(torch::allclose(torch::matmul(tall.t(), tall), torch::eye(3), 1e-4, 1e-5));
}
