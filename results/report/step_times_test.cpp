// Parts of updates, from events of the first rank to tables and bars.
#include "results/report/step_times.h"

#include "results/runs/workspace_fixture.h"
#include "results/store/store.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

namespace xp {
namespace {

using Catch::Approx;

struct StepTimesTest {
  FilledWorkspace place;
  Store store = Store::in_memory();

  StepTimesTest() {
    place.fill();
    put("2", 10, 500, 40);  // while memory is first touched
    put("2", 20, 70, 10);
    put("2", 30, 70, 10);
    put("3", 30, 90, 30);  // goes over what attempt 2 lost
    store.fold_in(place.workspace);
  }

  // Two calls an update.
  void put(const std::string& attempt, int update, double compute, double exposed) {
    const std::string file = "trainings/aaaa/attempts/" + attempt + "/events.jsonl";
    const std::string before = read_if_there(place.workspace.root / file).value_or("");
    place.put(file, before +
                        json_text({{"event", "update"},
                                   {"update", update},
                                   {"seconds", update},
                                   {"values",
                                    {{"calls", 2},
                                     {"compute_ms", compute},
                                     {"exposed_ms", exposed},
                                     {"in_node_ms", 4},
                                     {"inter_node_ms", 40},
                                     {"gradient_exposed_ms", 2},
                                     {"gradient_in_node_ms", 1},
                                     {"gradient_inter_node_ms", 20},
                                     {"encoder.1.layer.compute_ms", 5},
                                     {"encoder.1.node.exposed_ms", 1},
                                     {"encoder.1.global.exposed_ms", 3},
                                     {"encoder.1.global.inter_node_ms", 10},
                                     {"encoder.1.global.entropy", 1}}}}) +
                        "\n");
  }
};

TEST_CASE_METHOD(StepTimesTest, "parts of an update are means without the first updates") {
  const Value summary = store.run("aaaa")->status.summary;
  CHECK(summary["compute_ms"] == 80);  // of updates 20 and 30
  CHECK(summary["exposed_ms"] == 20);
  CHECK(summary["inter_node_ms"] == 40);
}

TEST_CASE_METHOD(StepTimesTest, "a layer's time is that of all its calls and parts in an update") {
  const auto all = step_times({"aaaa"}, store);
  REQUIRE(all.size() == 3);
  CHECK(all[0].name == "encoder 1");
  CHECK(all[0].compute == 10);
  CHECK(all[0].exposed == 8);
  CHECK(all[0].inter_node == 20);
  CHECK(std::isnan(all[0].in_node));
  CHECK(all[1].name == "gradients");
  CHECK(all[1].inter_node == 20);
  CHECK(all[2].name == "whole update");
  CHECK(all[2].compute == 80);
  CHECK(step_times({"none"}, store).empty());
}

TEST_CASE_METHOD(StepTimesTest, "the parts of each row are a table, bars and maps") {
  ReportSection section;
  ReportInput input;
  input.name = "quick";
  input.points = store.points("quick");
  input.runs = report_runs(place.workspace, store, input.points);
  input.notes = {"a share pays"};
  const Table table = parts_table(section, input, store);
  REQUIRE(table.rows.size() == 3);
  const size_t part = table.columns.size() - 5;
  CHECK(table.columns[part].key == "part");
  CHECK(table.columns.back().key == "exposed_ms");
  CHECK(table.rows[2][part].text == "whole update");
  CHECK(table.rows[2].back().value == 20);
  CHECK_FALSE(table.rows[1][part + 1].is_number);  // gradients are no compute of their own
  CHECK(table.notes.back() == "a share pays");

  const ReportRows rows = rows_of(section, input);
  const auto charts = part_charts(rows, store);
  REQUIRE(charts.size() == 2);
  REQUIRE(charts[0].bars.size() == 1);
  CHECK(charts[0].bars[0].tracks == std::vector<std::vector<double>>{{80, 20}, {4, 40}});
  REQUIRE(charts[1].bars.size() == 2);
  CHECK(charts[1].bars[0].tracks == std::vector<std::vector<double>>{{10, 8}, {0, 20}});
  const auto maps = part_maps(rows, store);
  REQUIRE(maps.size() == 1);
  CHECK(maps[0].rows == std::vector<std::string>{"encoder 1", "gradients", "whole update"});
  CHECK(maps[0].values[2] == std::vector<double>{80, 4, 40, 20});
}

}  // namespace
}  // namespace xp
