// Names, units, directions and scales of measures.
#include "results/report/measures.h"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <vector>

namespace xp {
namespace {

using Values = std::vector<double>;

Measures known() {
  return Measures({{"bleu", 0, "", "", true, "BLEU"}, {"word_errors", 0, "%", "", false}});
}

// "name unit xSCALE suffix .DECIMALS"
std::string look(const std::string& key, const Values& values) {
  const Column c = column_of(known().of(key), values);
  return fmt::format("{} {} x{}{} .{}", c.name, c.unit, c.scale, c.suffix, c.decimals);
}

TEST_CASE("scales suit the values of a column") {
  CHECK(look("tokens_per_second", {11234, 6120}) == "tokens/s  x1000k .2");
  CHECK(look("tokens_per_second", {9876, 1234}) == "tokens/s  x1 .0");
  CHECK(look("step_ms", {171.9, 92.13}) == "step ms x1 .1");
  CHECK(look("step_ms", {3.21}) == "step ms x1 .2");
  CHECK(look("inter_node_bytes", {0, 25.3e6, 9.8e6}) == "inter-node MB/step x1000000 .2");
  CHECK(look("inter_node_bytes", {25.3e6, 1.2e3}) == "inter-node MB/step x1000000 .3");
  CHECK(look("inter_node_bytes", {512}) == "inter-node B/step x1 .0");
  CHECK(look("updates", {6, 12}) == "updates  x1 .0");
  CHECK(look("parameters", {118.2e6}) == "parameters  x1000000M .0");
}

TEST_CASE("scores and losses keep their decimals") {
  CHECK(look("bleu", {21.5349}) == "BLEU  x1 .2");
  CHECK(look("word_errors", {21.5349}) == "word errors % x1 .2");
  CHECK(look("train_loss", {3.12345}) == "train loss nats/token x1 .3");
  CHECK(look("bleu", {}) == "BLEU  x1 .2");
  CHECK(look("step_ms", {}) == "step ms x1 .0");
}

TEST_CASE("a score's unit and direction are its own") {
  const Measure errors = known().find("word_errors").value();
  CHECK(errors.better == Better::kLower);
  CHECK(errors.unit == "%");
  CHECK(errors.of_evaluation);
  CHECK_FALSE(errors.is_relative);
  const Measure validated = known().find("valid_word_errors").value();
  CHECK(validated.better == Better::kLower);
  CHECK(validated.label == "valid word errors");
  CHECK_FALSE(validated.of_evaluation);
}

TEST_CASE("evaluations that disagree about a score leave it without direction and unit") {
  const Measures measures({{"edits", 0, "%", "", false}, {"edits", 0, "", "", true}});
  CHECK(measures.of("edits").better == Better::kNeither);
  CHECK(measures.of("edits").unit.empty());
}

TEST_CASE("nothing is guessed from the name of a measure") {
  CHECK_FALSE(known().find("gpu_seconds"));
  CHECK_FALSE(known().find("some_loss"));
  CHECK_FALSE(known().find("valid_comet"));
  CHECK(known().of("gpu_seconds").better == Better::kNeither);
  CHECK(known().of("gpu_seconds").unit.empty());
  CHECK(known().of("valid_comet").of_evaluation == false);
  CHECK(known().find("router_own_figure")->better == Better::kNeither);
}

TEST_CASE("predictions have the unit of what they predict, and no direction") {
  const Measure bytes = known().find("predicted_inter_node_bytes").value();
  CHECK(bytes.label == "predicted inter-node");
  CHECK(bytes.unit == "B/step");
  CHECK(bytes.better == Better::kNeither);
  CHECK(known().find("step_ms_vs_predicted")->label == "step vs predicted");
  CHECK_FALSE(known().find("predicted_nothing"));
}

TEST_CASE("every declared measure has its own key and a meaning") {
  std::set<std::string> keys;
  for (const Measure& measure : declared_measures()) {
    INFO(measure.key);
    CHECK(keys.insert(measure.key).second);
    CHECK_FALSE(measure.meaning.empty());
    CHECK_FALSE(measure.label.empty());
  }
}

}  // namespace
}  // namespace xp
