// What is left of a list of work, from what the rest took.
#include "engine/run/work_clock.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// Two trainings, the second of thrice the cost, each with an evaluation.
std::vector<Work> four_runs() {
  std::vector<Work> out(4);
  for (size_t i = 0; i < out.size(); ++i)
    out[i].unit = i % 2 == 0 ? kTrainingUnit : "sentences";
  out[0].cost = 2;
  out[2].cost = 6;
  return out;
}

TEST_CASE("the time left is known when a run of each kind was timed") {
  WorkClock clock(four_runs());
  CHECK_FALSE(clock.left_s(1));
  clock.done(0, 100);
  CHECK_FALSE(clock.left_s(1));
  CHECK(clock.sentence(1).empty());
  clock.done(1, 20);
  CHECK(clock.left_s(1) == 320);
  CHECK(clock.left_s(2) == 160);
  CHECK(clock.sentence(1) == "2 of 4 runs done, about 5 min 20 s left");
  clock.done(2, 300);
  CHECK(clock.left_s(1) == 20);
  CHECK(clock.sentence(1).empty());  // less than a minute
  clock.done(3, 20);
  CHECK(clock.left_s(1) == 0);
}

TEST_CASE("a run of which a part was done before says nothing of the others") {
  WorkClock clock(four_runs());
  clock.done(0, std::nullopt);
  clock.done(1, 20);
  CHECK_FALSE(clock.left_s(1));
  clock.done(2, 300);
  CHECK(clock.left_s(1) == 20);
}

}  // namespace
}  // namespace xp
