// Names beside points: none covers another or leaves the paper.
#include "plugins/renderer/labels.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("a name stands above its point to the right, or to the left if it would leave") {
  LabelPlaces places(0, 200, 0, 100);
  const auto right = places.place(10, 50, "gshard");
  REQUIRE(right.has_value());
  CHECK_FALSE(right->is_left);
  CHECK(right->x == 18);
  CHECK(right->y == 44);
  const auto left = places.place(190, 50, "gshard");
  REQUIRE(left.has_value());
  CHECK(left->is_left);
  CHECK(left->x == 182);
}

TEST_CASE("a name goes below if another one or a marker is above") {
  LabelPlaces places(0, 200, 0, 100);
  places.keep_free(40, 40);
  const auto name = places.place(10, 50, "gshard");
  REQUIRE(name.has_value());
  CHECK(name->y == 64);
}

TEST_CASE("a name without room is left out, the first ones have the choice") {
  LabelPlaces places(0, 200, 0, 100);
  int num_placed = 0;
  for (int i = 0; i < 20; ++i)
    num_placed += places.place(100, 50, "gshard").has_value() ? 1 : 0;
  CHECK(num_placed > 2);
  CHECK(num_placed < 20);
}

TEST_CASE("a name that is wider than the paper is shortened") {
  LabelPlaces places(0, 100, 0, 100);
  const auto name = places.place(10, 50, "exchänge gshard, alpha 0.25, beta 0.5");
  REQUIRE(name.has_value());
  CHECK(name->text == "exchänge gs…");
}

}  // namespace
}  // namespace xp
