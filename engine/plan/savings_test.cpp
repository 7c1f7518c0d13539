// What shares buy, from a catalog whose bytes follow the global share.
#include "engine/plan/savings.h"

#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// A rank computes 700 ms; a share of 1 keeps the port of a node busy for 1000 ms.
struct SavingsTest {
  explicit SavingsTest(const std::string& launch = "device = \"cpu\"\n")
      : catalog(fixture_catalog(declarations())) {
    Problems problems;
    const fs::path file = folder.path() / "x.toml";
    write_atomic(file, "name = \"t\"\n[corpus]\nuse = \"dummy\"\n[launch]\nnodes = 2\n" + launch +
                           "[sweep]\nexchange = [\"scomoe-seq\", \"gshard\"]\n");
    const Spec spec = load_spec(file.string(), {}, catalog, problems);
    problems.raise();
    plan = make_plan(spec, catalog, problems);
    problems.raise();
  }

  static std::vector<Declaration> declarations() {
    Declaration model = fixture_model();
    model.figures = {
        {"flops", "200"},
        {"dense_flops", "100"},
        {"expert_flops", "0"},
        {"parameters_on_rank", "10"},
        {"shared_parameters", "10"},
        {"late_parameters", "0"},
        {"output_flops", "0"},
        {"local_bytes", "0"},
        {"in_node_bytes", "0"},
        {"inter_node_bytes", "2000 * moe.exchange.global_share * if(launch.packing, 0.8, 1)"},
        {"fixed_inter_node_bytes", "0"},
        {"gradient_inter_node_bytes", "0"},
        {"exchanges", "0"},
        {"global_share", "moe.exchange.global_share"}};
    Declaration gshard = fixture_part("exchange", "gshard", {});
    gshard.figures = {{"has_experts", "1"}, {"global_share", "1"}};
    Declaration seq = fixture_part("exchange", "scomoe-seq",
                                   {fixture_setting("alpha", Type::kNumber, 0.2, fraction()),
                                    fixture_setting("beta", Type::kNumber, 0.5, fraction()),
                                    fixture_setting("first", Type::kText, "gshard")});
    seq.figures = {{"has_experts", "1"}, {"global_share", "1 - alpha - beta"}};
    return {model, gshard, seq};
  }

  void probe(double bytes_per_s) const {
    Probe probe;
    probe.inter_node = {0, bytes_per_s};
    probe.dense_s = 0.3;
    probe.full_s = 0.6;
    probe.optimizer_s = 0.1;
    probe.figures = {{"dense_flops", 100}, {"full_flops", 200}, {"parameters_on_rank", 10}};
    write_probe(probe_file(workspace, plan.points[0].settings().at("launch")), probe);
  }

  TempFolder folder;
  Workspace workspace{folder.path()};
  Catalog catalog;
  Plan plan;
};

TEST_CASE_METHOD(SavingsTest, "shares pay down to where the port is as busy as the processor") {
  CHECK(shares_that_pay(plan, catalog, workspace).empty());
  probe(1'000'000);
  CHECK(shares_that_pay(plan, catalog, workspace) ==
        std::vector<std::string>{"shares on 8 Mbit/s between 2 nodes: none pays; with a global "
                                 "share of 1.00 the links between nodes are not the bound"});
}

TEST_CASE_METHOD(SavingsTest, "what smaller shares take is predicted for both ways to keep rows") {
  probe(1000);
  CHECK(shares_that_pay(plan, catalog, workspace) ==
        std::vector<std::string>{
            "shares on 0 Mbit/s between 2 nodes: they pay down to a global share of 0.70 (gamma*); "
            "predicted is a step of 1700 ms with 1.00, 1400 ms by scomoe-seq with alpha = 0.30, "
            "1400 ms by scomoe-seq with beta = 0.30"});
}

TEST_CASE_METHOD(SavingsTest, "packing is recommended for what it saves of predicted steps") {
  CHECK(packing_that_pays(plan, catalog, workspace).empty());
  probe(1000);  // 1700 and 1000 ms become 1500 and 940
  CHECK(packing_that_pays(plan, catalog, workspace) ==
        "with [launch] packing = true, steps of 2 points would be 6 to 12 % shorter: a sixth less "
        "of fp32 crosses nodes, a third less of bf16, with the same results");
  probe(1'000'000);
  CHECK(packing_that_pays(plan, catalog, workspace).empty());
}

TEST_CASE("packing is not recommended to points that pack or may run on devices") {
  for (const char* launch : {"packing = true\ndevice = \"cpu\"\n", "device = \"auto\"\n"}) {
    const SavingsTest test(launch);
    test.probe(1000);
    CHECK(packing_that_pays(test.plan, test.catalog, test.workspace).empty());
  }
}

}  // namespace
}  // namespace xp
