// What plan prints and hands on.
#include "engine/cli/points/listing.h"

#include "engine/cli/commands/command_line.h"
#include "engine/cli/terminal/options.h"

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

int exit_code_of(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  return run_command_line(static_cast<int>(arguments.size()), arguments.data());
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

TEST_CASE("mistakes in the command line have their own exit code") {
  CHECK(exit_code_of({"xp", "pln"}) == Exit::kUsage);
  CHECK(exit_code_of({"xp", "plan"}) == Exit::kUsage);
  CHECK(exit_code_of({"xp", "plan", "x.toml", "--jsn"}) == Exit::kUsage);
  CHECK(exit_code_of({"xp", "check", "/nowhere/x.toml"}) == Exit::kSpec);
  CHECK(exit_code_of({"xp", "--version"}) == Exit::kDone);
}

}  // namespace
}  // namespace xp
