// Names, units and scales of metrics.
#include "results/report/measure.h"

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace xp {
namespace {

using Values = std::vector<double>;

// "name unit xSCALE suffix .DECIMALS"
std::string look(const std::string& key, const Values& values) {
  const Column c = column_of(measure_of(key), values);
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
  CHECK(look("parameters", {118.2e6}) == "parameters  x1000000M .0");
}

TEST_CASE("scores and losses keep their decimals") {
  CHECK(look("bleu", {21.5349}) == "BLEU  x1 .2");
  CHECK(look("train_loss", {3.12345}) == "train loss  x1 .3");
  CHECK(look("bleu", {}) == "BLEU  x1 .2");
  CHECK(look("step_ms", {}) == "step ms x1 .0");
}

TEST_CASE("a metric that nobody listed is judged by its name") {
  CHECK(measure_of("gpu_seconds").better == Better::kLess);
  CHECK(measure_of("gpu_seconds").unit == "s");
  CHECK(measure_of("sentences_per_second").better == Better::kMore);
  CHECK(measure_of("peak_memory_bytes").is_bytes);
  CHECK(measure_of("balance_loss").better == Better::kLess);
  CHECK(measure_of("comet").of_evaluation);
  CHECK(measure_of("comet").better == Better::kMore);
  CHECK_FALSE(measure_of("valid_comet").of_evaluation);
  CHECK(measure_of("eval_seconds").of_evaluation);
  CHECK_FALSE(measure_of("corpus_seconds").of_evaluation);
}

}  // namespace
}  // namespace xp
