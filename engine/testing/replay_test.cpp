// Predictions from a probe and a record, with the real programs.
#include "engine/testing/user.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Approx;

namespace {

constexpr const char* kSmoke = "experiments/smoke.toml";

Value replayed(const User& user, const std::string& training,
               const std::vector<std::string>& words = {}) {
  std::vector<std::string> all = {"replay", training, "--json"};
  all.insert(all.end(), words.begin(), words.end());
  const Finished ended = user.xp(all);
  INFO(ended.output + ended.errors);
  REQUIRE(ended.exit_code == 0);
  return Value::parse(ended.output);
}

}  // namespace

TEST_CASE("a record replayed on its own layout has the bytes that were counted", "[slow]") {
  const User user;
  const std::vector<std::vector<std::string>> exchanges = {
      {"exchange=gshard"},
      {"exchange=gshard", "model.moe.wire=bf16"},
      {"exchange=scomoe-seq"},
      {"exchange=scomoe-feat", "model.width=64"}};
  for (const auto& settings : exchanges) {
    std::vector<std::string> words = {"run", kSmoke};
    for (const char* set : {"launch.ranks_per_node=2", "model.moe.experts=8",
                            "model.moe.exchange.beta=0.25", "train.max_updates=30"})
      words.insert(words.end(), {"--set", set});
    for (const auto& set : settings)
      words.insert(words.end(), {"--set", set});
    const Finished run = user.xp(words);
    INFO(run.output + run.errors);
    REQUIRE(run.exit_code == 0);
  }
  size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(user.workspace / "trainings")) {
    const Value summary = read_status(entry.path()).summary;
    const Value own = replayed(user, entry.path().filename().string())["recorded"];
    INFO(own.dump());
    CHECK(own["rows"] == "recorded");
    CHECK(own["inter_node_bytes"].get<double>() ==
          Approx(summary["inter_node_bytes"].get<double>()).epsilon(0.002));
    CHECK(own["in_node_bytes"].get<double>() ==
          Approx(summary["in_node_bytes"].get<double>()).epsilon(0.002));
    CHECK(own["gradient_inter_node_bytes"].get<double>() ==
          Approx(summary["gradient_inter_node_bytes"].get<double>()).epsilon(0.002));
    CHECK_FALSE(own.contains("step_ms"));  // nothing was probed
    ++checked;
  }
  CHECK(checked == exchanges.size());
}

TEST_CASE("a probe predicts steps before anything ran, and a record says what if", "[slow]") {
  const User user;
  const std::vector<std::string> gshard = {kSmoke, "--set", "exchange=gshard"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, gshard.begin(), gshard.end());
    return user.xp(words);
  };
  const Finished probed = with({"probe"});
  INFO(probed.output + probed.errors);
  REQUIRE(probed.exit_code == 0);
  CHECK(probed.output.find("links between nodes, of each node: ") != std::string::npos);
  const Value plan = Value::parse(with({"plan", "--json"}).output);
  const Value step = plan["steps"].at(0);
  CHECK(step["step_ms"].get<double>() ==
        Approx(step["compute_ms"].get<double>() + step["exposed_ms"].get<double>()));
  CHECK(step["compute_ms"] > 0);
  CHECK(step["inter_node_ms"] > 0);

  REQUIRE(with({"run"}).exit_code == 0);
  const std::string training = user.runs().at(0).filename().string();
  const Value all = replayed(user, training, {"--inter", "1mbit"});
  CHECK(all["replayed"]["inter_node_bytes"] == all["recorded"]["inter_node_bytes"]);
  CHECK(all["replayed"]["inter_node_ms"] > all["recorded"]["inter_node_ms"]);
  CHECK(all["replayed"]["bound"] == "inter-node");
  const Value wide = replayed(user, training, {"--nodes", "4", "--ranks-per-node", "1"});
  CHECK(wide["replayed"]["in_node_bytes"] == 0);
  CHECK(wide["replayed"]["inter_node_bytes"] > wide["recorded"]["inter_node_bytes"]);
  const Value seq = replayed(user, training,
                             {"--exchange", "scomoe-seq", "--set", "alpha=0.5", "--set", "beta=0.5",
                              "--set", "first=same"});
  CHECK(seq["replayed"]["rows"] == "declared");
  CHECK(seq["replayed"]["inter_node_bytes"] == 0);

  CHECK(user.xp({"replay", training, "--inter", "fast"}).exit_code == 2);
  CHECK(user.xp({"replay", training, "--exchange", "gshrd"}).exit_code == 2);
  CHECK(user.xp({"replay", training, "--set", "alpha"}).exit_code == 2);
  CHECK(user.xp({"replay", training, "--set", "alpha=0.1"}).errors.find("is no setting of") !=
        std::string::npos);
  const Finished alone = user.xp({"replay", training, "--nodes", "3"});
  CHECK(alone.exit_code != 0);
  CHECK(alone.errors.find("ranks cannot share equally") != std::string::npos);
}
