// Predictions against sums done by hand, and the files of probes.
#include "engine/plan/step_model.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Approx;

namespace {

Settings layout(int64_t nodes, int64_t ranks_per_node) {
  Section launch;
  launch.table = {{"nodes", nodes}, {"ranks_per_node", ranks_per_node}};
  return Settings(std::map<std::string, Section>{{"launch", launch}});
}

// 0.3 s without experts, 0.3 s for 100 FLOP of experts, 0.1 s for the optimizer; ports of 1 kB/s.
Probe probe() {
  Probe out;
  out.in_node = {0, 1000};
  out.inter_node = {0, 1000};
  out.dense_s = 0.3;
  out.full_s = 0.6;
  out.optimizer_s = 0.1;
  out.processors = 2;
  out.busy_processors = 1;
  out.figures = {{"dense_flops", 100}, {"full_flops", 200}, {"parameters_on_rank", 10}};
  out.machine = "a processor";
  return out;
}

// Half of the rows stay on their rank.
Figures figures(double inter_node_bytes) {
  return {{"flops", 200},
          {"dense_flops", 100},
          {"expert_flops", 100},
          {"parameters_on_rank", 10},
          {"shared_parameters", 10},
          {"late_parameters", 0},
          {"output_flops", 0},
          {"local_bytes", inter_node_bytes},
          {"in_node_bytes", 0},
          {"inter_node_bytes", inter_node_bytes},
          {"fixed_inter_node_bytes", 0},
          {"gradient_inter_node_bytes", 0},
          {"exchanges", 8},
          {"global_share", 1}};
}

}  // namespace

TEST_CASE("rows that cross hide behind the experts' work on those that stay") {
  const auto step = predict_step(figures(2000), layout(2, 1), probe()).value();
  CHECK(step.compute_ms == Approx(700));
  CHECK(step.in_node_ms == 0);
  CHECK(step.inter_node_ms == Approx(1000));  // 1 kB through each port
  // 500 ms each way, of which half of the experts' 100 and 200 ms is hidden.
  CHECK(step.exposed_ms == Approx(450 + 400));
  CHECK(step.step_ms() == Approx(1550));
  CHECK(step.bound == Resource::kInterNode);
}

TEST_CASE("gradients cross while the backward pass and the next forward pass leave the port free") {
  auto more = figures(2000);
  more["gradient_inter_node_bytes"] = 2000;
  const auto step = predict_step(more, layout(2, 1), probe()).value();
  CHECK(step.inter_node_ms == Approx(2000));
  // The backward pass takes 467 + 400 ms, the forward pass 233 + 450, and rows take 500 of each;
  // of 500 ms for each half of the sums 133 and 317 are left.
  CHECK(step.exposed_ms == Approx(850 + 133.3 + 316.7).epsilon(0.001));
  // Nor do they cross while the output is computed, 90 ms of which two thirds are backward.
  auto with_output = more;
  with_output["output_flops"] = 30;
  CHECK(predict_step(with_output, layout(2, 1), probe())->exposed_ms ==
        Approx(850 + 133.3 + 316.7 + 90).epsilon(0.001));
  Section train;
  train.table = {{"shard_optimizer", true}};
  Section launch;
  launch.table = {{"nodes", 2}, {"ranks_per_node", 1}};
  const Settings sharded(std::map<std::string, Section>{{"launch", launch}, {"train", train}});
  CHECK(predict_step(more, sharded, probe())->exposed_ms ==
        Approx(850 + 133.3 + 500).epsilon(0.001));
  more["gradient_inter_node_bytes"] = 200;
  more["late_parameters"] = 5;
  // All would fit, but half of the gradients come last in the one pass and first in the other.
  CHECK(predict_step(more, layout(2, 1), probe())->exposed_ms == Approx(850 + 50));
}

TEST_CASE("rows of two micro-batches in flight hide behind what the other one computes") {
  Section train, launch;
  train.table = {{"batches_in_flight", 2}};
  launch.table = {{"nodes", 2}, {"ranks_per_node", 1}};
  const Settings in_turns(std::map<std::string, Section>{{"launch", launch}, {"train", train}});
  auto more = figures(2000);
  more["output_flops"] = 30;
  // 250 ms for each of the ways to the experts and back. Between experts the forward pass computes
  // 103 ms and the backward pass 207; experts 100 and 200.
  CHECK(predict_step(more, in_turns, probe())->exposed_ms ==
        Approx(146.7 + 43.3 + 150 + 50).epsilon(0.001));
}

TEST_CASE("a share pays down to where the port is as busy as the processor") {
  const auto full = predict_step(figures(2000), layout(2, 1), probe()).value();
  CHECK(full.least_share == Approx(0.7));  // 700 ms of compute, 1000 ms for a share of 1
  CHECK_FALSE(full.is_beyond());
  auto less = figures(600);
  less["global_share"] = 0.3;
  const auto small = predict_step(less, layout(2, 1), probe()).value();
  CHECK(small.share == Approx(0.3));
  CHECK(small.least_share == Approx(0.7));
  CHECK(small.is_beyond());
  CHECK(small.bound == Resource::kCompute);
  // What no share changes leaves less for it: 300 ms of a port's time.
  less["fixed_inter_node_bytes"] = 600;
  less["inter_node_bytes"] = 1200;
  CHECK(predict_step(less, layout(2, 1), probe())->least_share == Approx(0.4));
}

TEST_CASE("[launch.links] takes the place of what was measured") {
  CHECK(rate_of("100mbit") == 12.5e6);
  CHECK(rate_of("2.5gbit") == 312.5e6);
  CHECK(rate_of("64kbit") == 8e3);
  for (const char* no_rate : {"", "100", "mbit", "100 mbit", "100mbits", "1e", "-"})
    CHECK(rate_of(no_rate) == 0);
  Section launch;
  launch.table = {
      {"nodes", 2}, {"ranks_per_node", 1}, {"links", {{"inter", "16kbit"}, {"latency_ms", 10.0}}}};
  const Settings slower(std::map<std::string, Section>{{"launch", launch}});
  const auto step = predict_step(figures(2000), slower, probe()).value();
  CHECK(step.inter_node_ms == Approx(500 + 8 * 10));  // 2 kB/s, and 8 exchanges
  auto no_port = probe();
  no_port.inter_node = {};
  CHECK(predict_step(figures(2000), slower, no_port).has_value());
}

TEST_CASE("links inside a node carry rows and sums of gradients, none between nodes of one") {
  auto near = figures(0);
  near["in_node_bytes"] = 400;
  const auto step = predict_step(near, layout(1, 2), probe()).value();
  CHECK(step.in_node_ms == Approx(200 + 40));  // 400 / 2 ranks, and 8 x 10 / 2 bytes of gradients
  CHECK(step.inter_node_ms == 0);
  CHECK_FALSE(step.share.has_value());
  CHECK(predict_step(near, layout(1, 1), probe())->exposed_ms == 0);
}

TEST_CASE("what links need of processors that all threads share makes a step longer") {
  auto shared = probe();
  shared.processors = 0.5;
  shared.busy_processors = 0.4;
  shared.in_node = {0, 1e6};
  shared.inter_node = {0, 1e6};
  shared.rows_processor_s_per_byte = 1e-3;
  shared.sums_processor_s_per_byte = 5e-4;
  shared.packing_s_per_byte = 5e-4;
  shared.bf16_packing_s_per_byte = 1e-3;
  auto more = figures(800);
  more["in_node_bytes"] = 400;
  more["gradient_inter_node_bytes"] = 400;
  // Each of 4 ranks keeps 0.4 processors busy for 0.7 s, and sends 100 bytes of rows and 40 of sums
  // inside its node, 200 and 100 to the other.
  const auto step = predict_step(more, layout(2, 2), shared).value();
  CHECK(step.compute_ms == Approx(700));
  CHECK(step.step_ms() == Approx(2 * (280 + 300 + 70)));
  CHECK(step.bound == Resource::kCompute);
  CHECK_FALSE(step.least_share.has_value());
  Section launch, train;
  launch.table = {{"nodes", 2}, {"ranks_per_node", 2}, {"packing", true}};
  train.table = {{"gradient_wire", "bf16"}};
  const Settings packs(std::map<std::string, Section>{{"launch", launch}, {"train", train}});
  CHECK(predict_step(more, packs, shared)->step_ms() == Approx(2 * (280 + 300 + 70 + 100 + 100)));
  // One rank a node sends no sums inside it.
  CHECK(predict_step(more, layout(2, 1), shared)->step_ms() == Approx(2 * (280 + 600 + 100)));
}

TEST_CASE("while a rank waits for slow links they take no processor from it") {
  auto shared = probe();
  shared.busy_processors = 0.5;
  shared.inter_node = {0, 200};
  shared.rows_processor_s_per_byte = 1e-3;
  shared.sums_processor_s_per_byte = 0;
  const auto step_ms = [&shared](double processors) {
    shared.processors = processors;
    return predict_step(figures(800), layout(2, 1), shared)->step_ms();
  };
  const double unknown = step_ms(0), many = step_ms(100), few = step_ms(0.5);
  CHECK(many == unknown);
  // Links need a processor for 400 ms, evenly over the step. Of that, what falls on the 700 ms of
  // compute is done by the half of a processor that the rank has.
  CHECK(few == Approx(unknown + 400 / 0.5 * 700 / unknown));
  CHECK(unknown > 1000);
  CHECK(step_ms(0.5 + 400 / unknown) == Approx(unknown));
}

TEST_CASE("without a figure or a link that it depends on no step is predicted") {
  auto few = figures(2000);
  few.erase("gradient_inter_node_bytes");
  CHECK_FALSE(predict_step(few, layout(2, 1), probe()).has_value());
  CHECK_FALSE(predict_step({}, layout(1, 1), probe()).has_value());
  auto no_port = probe();
  no_port.inter_node = {};
  CHECK_FALSE(predict_step(figures(2000), layout(2, 1), no_port).has_value());
  CHECK(predict_step(figures(2000), layout(1, 1), no_port).has_value());
  auto nothing_computed = probe();
  nothing_computed.figures.clear();
  CHECK_FALSE(predict_step(figures(2000), layout(2, 1), nothing_computed).has_value());
}

TEST_CASE("a probe is kept for each layout, and a damaged one is named") {
  const TempFolder folder;
  const Workspace workspace{folder.path()};
  const Value launch = {{"use", "local"}, {"nodes", 2}, {"timeout_s", 60}, {"slurm", {{"a", 1}}}};
  Value other = launch;
  other["timeout_s"] = 5;
  const fs::path file = probe_file(workspace, launch);
  CHECK(probe_file(workspace, other) == file);
  other["nodes"] = 3;
  CHECK(probe_file(workspace, other) != file);
  CHECK_FALSE(read_probe(file).has_value());
  auto own = probe();
  own.other_load = 0.35;
  own.rows_processor_s_per_byte = 2e-9;
  own.sums_processor_s_per_byte = 3e-9;
  own.packing_s_per_byte = 1e-9;
  own.bf16_packing_s_per_byte = 4e-9;
  write_probe(file, own);
  const Probe read = read_probe(file).value();
  CHECK(read.inter_node.bytes_per_s == 1000);
  CHECK(read.rows_processor_s_per_byte == 2e-9);
  CHECK(read.sums_processor_s_per_byte == 3e-9);
  CHECK(read.full_s == 0.6);
  CHECK(read.packing_s_per_byte == 1e-9);
  CHECK(read.bf16_packing_s_per_byte == 4e-9);
  CHECK(read.processors == 2);
  CHECK(read.busy_processors == 1);
  CHECK(read.figures == own.figures);
  CHECK(read.machine == "a processor");
  CHECK(read.other_load == 0.35);
  for (const char* text : {"", "{", "{\"in_node\": 3}", "[]"}) {
    write_atomic(file, text);
    CHECK_THROWS_WITH(read_probe(file),
                      "'" + file.string() +
                          "' is damaged or of another version of xp; delete it and run `xp probe` "
                          "again");
  }
}

TEST_CASE("a probe on a busy machine says that it is not to be trusted") {
  auto own = probe();
  CHECK(distrust(own).empty());
  own.other_load = 0.1;
  CHECK(distrust(own).empty());
  own.other_load = 0.35;
  CHECK(distrust(own) ==
        "other programs kept 35 % of the machine busy during the probe, so its predictions are not "
        "to be trusted; run `xp probe` again when the machine is quiet");
}
