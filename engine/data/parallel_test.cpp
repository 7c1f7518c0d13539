// Order, bounds and errors of work in pieces.
#include "engine/data/parallel.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace xp {
namespace {

TEST_CASE("results of several threads are taken in order") {
  std::vector<size_t> taken;
  in_order(
      1000, 4, [](size_t i, size_t) { return i * i; },
      [&](size_t i, size_t square) {
        CHECK(square == i * i);
        taken.push_back(i);
      });
  CHECK(taken.size() == 1000);
  CHECK(taken.front() == 0);
  CHECK(taken.back() == 999);
}

TEST_CASE("no more than four results a worker are made ahead") {
  std::atomic<size_t> num_made = 0;
  size_t most_ahead = 0;
  in_order(
      500, 3, [&](size_t i, size_t) { return ++num_made, i; },
      [&](size_t i, size_t) { most_ahead = std::max(most_ahead, num_made - i); });
  CHECK(most_ahead <= 12);
}

TEST_CASE("an error in making or taking ends the work and comes through") {
  const auto fail = [](size_t i, size_t) -> size_t {
    if (i == 50) throw std::runtime_error("made");
    return i;
  };
  CHECK_THROWS_AS(in_order(100, 2, fail, [](size_t, size_t) {}), std::runtime_error);
  CHECK_THROWS_AS(in_order(
                      100, 2, [](size_t i, size_t) { return i; },
                      [](size_t i, size_t) {
                        if (i == 3) throw std::logic_error("taken");
                      }),
                  std::logic_error);
  in_order(0, 2, fail, [](size_t, size_t) {});
}

}  // namespace
}  // namespace xp
