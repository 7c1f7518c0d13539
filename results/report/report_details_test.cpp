// What a page shows beside its table, from run folders to maps and cards.
#include "results/report/report_details.h"

#include "results/runs/workspace_fixture.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

struct DetailsTest {
  FilledWorkspace place;
  ReportSection section;
  ReportInput input;
  Store store = Store::in_memory();

  DetailsTest() {
    place.fill();
    place.put("trainings/aaaa/attempts/2/events.jsonl",
              R"({"event":"update","update":10,"seconds":1,"values":{"loss":6,)"
              R"("encoder.1.global.entropy":1.5,"decoder.1.global.entropy":0.5}})"
              "\n"
              R"({"event":"load","update":10,"seconds":1,"values":)"
              R"({"encoder.1":[75,25],"decoder.1":[50,40,10]}})"
              "\n"
              R"({"event":"update","update":20,"seconds":2,"values":{"loss":5}})"
              "\n");
    store.fold_in(place.workspace);
    section.columns = {"bleu"};
    input.name = "quick";
    input.file = "q.toml";
    input.points = store.points("quick");
    input.runs = report_runs(place.workspace, store, input.points);
    input.series = [this](const std::string& training, const std::string& metric) {
      return store.series(training, metric);
    };
  }
  Details details() const { return report_details(section, input, store); }
};

TEST_CASE_METHOD(DetailsTest, "what experts got is a map of layers and experts") {
  const Details found = details();
  REQUIRE(found.maps.size() == 2);
  const HeatMap& loads = found.maps[0];
  CHECK(loads.title ==
        "Share of rows that came to each expert at the end, in %, exchange gshard (seed 3)");
  CHECK(loads.rows == std::vector<std::string>{"decoder.1", "encoder.1"});
  CHECK(loads.columns == std::vector<std::string>{"0", "1", "2"});
  CHECK(loads.values[0] == std::vector<double>{50, 40, 10});
  CHECK(loads.values[1][1] == 25);
  CHECK(std::isnan(loads.values[1][2]));
  CHECK(loads.range == std::pair(0.0, 200.0 / 3));
  CHECK(found.maps[1].title == "Routers at the end of training, exchange gshard (seed 3)");
  CHECK(found.maps[1].columns == std::vector<std::string>{"entropy"});
}

TEST_CASE_METHOD(DetailsTest, "a metric that is only named like an expert's load is none") {
  place.put("trainings/aaaa/attempts/3/events.jsonl",
            R"({"event":"update","update":30,"seconds":3,"values":)"
            R"({"decoder.1.experts.load.x":1,"decoder.1.experts.load.99999999999999999999":1}})"
            "\n");
  write_status(place.workspace.training("aaaa"), read_status(place.workspace.training("aaaa")));
  store.fold_in(place.workspace);
  CHECK(details().maps[0].columns == std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE_METHOD(DetailsTest, "a run's card has the command that makes it again and its machine") {
  place.put("trainings/aaaa/attempts/2/launcher.json", R"({"shared_with": 1})");
  write_status(place.workspace.training("aaaa"),
               read_status(place.workspace.training("aaaa")));  // so that it is read again
  store.fold_in(place.workspace);
  input.points[0].predicted["step_ms"] = 21.5;
  const Details found = details();
  REQUIRE(found.runs.size() == 1);
  const auto& facts = found.runs[0].facts;
  const auto has = [&](const char* name, const char* value) {
    return std::find(facts.begin(), facts.end(),
                     std::pair<std::string, std::string>(name, value)) != facts.end();
  };
  CHECK(has("command", "xp run q.toml --set 'model.moe.exchange.use=gshard' --set 'train.seed=3'"));
  CHECK(has("sharing", "shared with 1"));
  CHECK(has("host", "box"));
  CHECK(has("predicted step_ms", "21.5"));
  CHECK(has("step_ms", "20.5"));
}

TEST_CASE_METHOD(DetailsTest, "corpora come with the page") {
  input.corpora = {{"c0ffee", Value::parse(R"({"train": {"en-fr": {"kept": 3}}})")}};
  const Details found = details();
  REQUIRE(found.corpora.size() == 1);
  CHECK(found.corpora[0].tables[0].values[0] == std::vector<double>{3});
}

}  // namespace
}  // namespace xp
