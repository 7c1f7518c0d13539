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

StepForecast forecast(double step_ms, double share) {
  StepPrediction parts;
  parts.compute_ms = 700;
  parts.in_node_ms = 20.4;
  parts.inter_node_ms = 1000;
  parts.exposed_ms = 850;
  parts.bound = Resource::kInterNode;
  parts.share = share;
  parts.least_share = 0.7;
  return {step_ms, parts};
}

TEST_CASE("predicted steps are a table with their parts and what binds them") {
  CHECK(steps_table(two_points(), {{}, {}}).empty());
  CHECK(
      steps_table(two_points(), {forecast(1550, 1), {}}) ==
      "exchange  alpha  step     compute  in-node  inter-node  exposed  bound by    global share  "
      "pays down to\n"
      "gshard    -      1550 ms  700 ms   20 ms    1000 ms     850 ms   inter-node  1.00          "
      "0.70\n");
}

TEST_CASE("a share that buys nothing and a disturbed probe are noted, once each") {
  const TempFolder folder;
  const Workspace workspace{folder.path()};
  Plan plan = two_points();
  Section launch;
  launch.table = {{"use", "local"}, {"nodes", 2}};
  for (auto& point : plan.points)
    point.resolved = Settings(std::map<std::string, Section>{{"launch", launch}});
  Probe probe;
  probe.other_load = 0.35;
  write_probe(probe_file(workspace, launch.table), probe);
  CHECK(step_notes(plan, workspace, {forecast(1550, 1), {}}) ==
        std::vector<std::string>{distrust(probe)});
  CHECK(step_notes(plan, workspace, {forecast(900, 0.3), forecast(900, 0.3)}) ==
        std::vector<std::string>{
            distrust(probe),
            "2 points keep more of each MoE layer in the node than pays: a global share of 0.30 "
            "takes as long as one of 0.70, from which on the links between nodes are not the bound "
            "(gamma*)"});
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
