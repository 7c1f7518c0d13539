// What plan prints and hands on.
#include "engine/cli/points/listing.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

Plan two_points() {
  Plan plan;
  plan.name = "t";
  plan.axes = {"model.moe.exchange.use", "model.moe.exchange.alpha"};
  plan.merged = 1;
  plan.points.resize(2);
  plan.points[0].axes = {{"model.moe.exchange.use", "gshard"}};
  plan.points[0].ids = {"3333333333333333", "1111111111111111", "2222222222222222"};
  plan.points[0].state = PointState::kDone;
  plan.points[1].axes = {{"model.moe.exchange.use", "scomoe-seq"},
                         {"model.moe.exchange.alpha", 0.5}};
  plan.points[1].state = PointState::kBlocked;
  plan.points[1].cause = "train.en is missing";
  return plan;
}

TEST_CASE("a plan is a table of short names, states and ids") {
  CHECK(counts_line(two_points()) == "2 points: 1 done, 1 blocked; 1 equal to another are merged");
  CHECK(points_table(two_points()) ==
        "exchange    alpha  state    training          evaluation\n"
        "gshard      -      done     1111111111111111  2222222222222222\n"
        "scomoe-seq  0.5    blocked  ?                 ?                 train.en is missing\n");
}

TEST_CASE("a plan as data has counts, full paths and ids") {
  const Value json = plan_json(two_points());
  CHECK(json["counts"]["done"] == 1);
  CHECK(json["points"][1]["axes"]["model.moe.exchange.alpha"] == 0.5);
  CHECK(json["points"][1]["training"].is_null());
  CHECK(json["points"][0]["evaluation"] == "2222222222222222");
}

}  // namespace
}  // namespace xp
