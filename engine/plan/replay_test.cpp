// Replayed rows against sums done by hand. Each row is 10 values of 4 bytes, so that one that is
// sent there and back, with its gradients, is 160 bytes.
#include "engine/plan/replay.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Catch::Approx;

Settings settings(int64_t nodes, int64_t ranks_per_node, const std::string& exchange = "gshard",
                  bool is_bf16 = false) {
  Section launch, model;
  launch.table = {{"nodes", nodes}, {"ranks_per_node", ranks_per_node}};
  model.table = {{"moe", {{"experts", 4}, {"exchange", {{"use", exchange}}}}}};
  if (is_bf16) model.table["moe"]["wire"] = "bf16";
  return Settings(std::map<std::string, Section>{{"launch", launch}, {"model", model}});
}

ReplayLayout layout(int64_t nodes, int64_t ranks_per_node, bool is_bf16 = false) {
  return ReplayLayout(settings(nodes, ranks_per_node, "gshard", is_bf16));
}

// Rank 0 has 6 tokens, 4 of them with two experts; the others have none. Of the 7 rows for node 1
// two pairs are of one token.
ExchangeRecord record() {
  PartRecord global{10,
                    4,
                    {6, 0, 0, 0},
                    {{1, 2, 3, 4}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
                    {{0, 5}, {0, 0}, {0, 0}, {0, 0}}};
  ExchangeRecord out;
  out.nodes = out.ranks_per_node = 2;
  out.updates = out.calls = 1;
  out.layers["encoder.1"]["global"] = global;
  return out;
}

TEST_CASE("recorded rows weigh on the recorded layout what its exchange sends") {
  const ReplayedRows rows = replay_rows(record(), layout(2, 2));
  // To its own expert; of what crossed, to the expert of the rank that it came to.
  CHECK(rows.local == 160 + 3 * 160);
  // To rank 1; on from rank 2 to 3; counts: 6 of 8 bytes to the other rank of each node.
  CHECK(rows.in_node == 2 * 160 + 4 * 160 + 4 * 48);
  // Tokens that cross; 12 bytes for each choice and its gradient; counts to two ranks each.
  CHECK(rows.inter_node == 5 * 160 + 7 * 24 + 8 * 48);
  CHECK(rows.busiest_port == rows.inter_node / 2);  // of two nodes, in each direction
  CHECK(rows.busiest_rank == Approx(4 * 160 / 2 + 48));
  CHECK(rows.imbalance == Approx(4 / 2.5));
  CHECK(replay_rows(record(), layout(2, 2, true)).inter_node == 5 * 80 + 7 * 24 + 8 * 48);
  ReplayLayout packed = layout(2, 2);
  packed.packs = true;
  CHECK(replay_rows(record(), packed).inter_node ==
        Approx(5 * 160 * (1 - 0.675 / 4) + 7 * 24 + 8 * 48));
  CHECK(replay_rows(record(), packed).in_node == rows.in_node);
}

TEST_CASE("on other layouts each source keeps its rows, and experts are where they are then") {
  const ReplayedRows one = replay_rows(record(), layout(1, 4));
  CHECK(one.inter_node == 0);
  CHECK(one.in_node == 9 * 160 + 12 * 32);
  const ReplayedRows four = replay_rows(record(), layout(4, 1));
  CHECK(four.in_node == 0);
  CHECK(four.inter_node == 9 * (160 + 24) + 12 * 48);  // no node has two experts
  const ReplayedRows two = replay_rows(record(), layout(1, 2));
  CHECK(two.local == 3 * 160);  // experts 0 and 1
  CHECK(two.in_node == 7 * 160 + 2 * 40);
}

TEST_CASE("tokens that cross once are estimated, and corrected by those that were recorded") {
  ExchangeRecord plain = record();
  plain.nodes = 1;
  plain.ranks_per_node = 4;
  plain.layers["encoder.1"]["global"].crossing.clear();
  // 4 tokens have two experts; both are in node 1 for (0.7^2 - 0.25) / (1 - 0.3) of them.
  const double both = 4 * (0.49 - 0.25) / 0.7;
  CHECK(replay_rows(plain, layout(2, 2)).inter_node == Approx((7 - both) * 160 + 7 * 24 + 8 * 48));
  // Recorded were 2 of the estimated 1.37, so of 8 experts on 2 x 4 ranks as many times more.
  ExchangeRecord wide = record();
  const ReplayedRows same = replay_rows(wide, layout(2, 2));
  wide.layers["encoder.1"]["global"].crossing[0][1] = 7 - both;
  CHECK(replay_rows(wide, layout(2, 2)).inter_node > same.inter_node);
}

TEST_CASE("parts that stay in a node can be replayed on its layout only") {
  ExchangeRecord parts = record();
  parts.layers["encoder.1"]["node"] = parts.layers["encoder.1"]["global"];
  CHECK(can_replay(parts, layout(2, 2)));
  CHECK_FALSE(can_replay(parts, layout(4, 1)));
  CHECK(can_replay(record(), layout(4, 1)));
  Section model;
  model.table = {{"moe", {{"experts", 8}}}};
  CHECK_FALSE(can_replay(record(),
                         ReplayLayout(Settings(std::map<std::string, Section>{{"model", model}}))));
}

TEST_CASE("another exchange has the bytes that it declares, as full as the record is") {
  const Figures declared = {{"local_bytes", 1280},
                            {"in_node_bytes", 2304},
                            {"inter_node_bytes", 2704},
                            {"gradient_inter_node_bytes", 7},
                            {"dense_flops", 100}};
  Figures less = declared;
  less["inter_node_bytes"] = 1000;
  less["in_node_bytes"] = 3000;
  const Replay replay(record(), {settings(2, 2), declared});
  const auto same = replay.of({settings(2, 2), declared}, nullptr);
  CHECK(same.is_as_recorded);
  CHECK(same.inter_node_bytes == 1352);
  CHECK(same.gradient_inter_node_bytes == 7);
  CHECK_FALSE(same.step.has_value());
  const auto other = replay.of({settings(2, 2, "scomoe-seq"), less}, nullptr);
  CHECK_FALSE(other.is_as_recorded);
  // The record has half of the rows that full batches with even experts would have.
  CHECK(other.inter_node_bytes == 500);
  CHECK(other.in_node_bytes == 1500);
}

TEST_CASE("a step waits for the fullest rank and the busiest port") {
  Probe probe;
  probe.in_node = {0, 1e9};
  probe.inter_node = {0, 1000};
  probe.dense_s = 0.1;
  probe.full_s = 0.2;
  probe.figures = {{"dense_flops", 100}, {"full_flops", 200}, {"parameters_on_rank", 10}};
  const Figures declared = {{"flops", 200},
                            {"dense_flops", 100},
                            {"expert_flops", 100},
                            {"parameters_on_rank", 10},
                            {"shared_parameters", 0},
                            {"late_parameters", 0},
                            {"output_flops", 0},
                            {"local_bytes", 640},
                            {"in_node_bytes", 1152},
                            {"inter_node_bytes", 1352},
                            {"fixed_inter_node_bytes", 0},
                            {"gradient_inter_node_bytes", 0},
                            {"exchanges", 0}};
  const Replay replay(record(), {settings(2, 2), declared});
  const auto step = replay.of({settings(2, 2), declared}, &probe).step.value();
  CHECK(step.compute_ms == Approx(100 + 160));  // experts of the fullest rank: 1.6 times as long
  CHECK(step.inter_node_ms == Approx(676));
}

}  // namespace
}  // namespace xp
