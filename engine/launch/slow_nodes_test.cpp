// Claims about links.
#include "engine/launch/slow_nodes.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("a node that takes many times as long as the others is slow") {
  CHECK(slow_nodes({0.1, 0.12, 1.0, 0.09}) == std::vector<size_t>{2});
  CHECK(slow_nodes({9, 1, 1}) == std::vector<size_t>{0});
}

TEST_CASE("nodes that differ by less, or of which there are two, are not blamed") {
  CHECK(slow_nodes({0.1, 0.2, 0.39, 0.1}).empty());
  CHECK(slow_nodes({0.1, 9}).empty());
  CHECK(slow_nodes({}).empty());
}
