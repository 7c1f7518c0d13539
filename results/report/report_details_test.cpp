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
    input.words = "q.toml";
    input.points = store.points("quick");
    input.runs = report_runs(place.workspace, store, input.points);
    input.unit_of = [](const std::string& path) {
      return std::string(path == "train.optimizer.lr" ? "1/step" : "");
    };
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
  CHECK(loads.title == "Share of rows that came to each expert at the end, in %, exchange gshard");
  CHECK(loads.rows == std::vector<std::string>{"decoder 1", "encoder 1"});
  CHECK(loads.columns == std::vector<std::string>{"0", "1", "2"});
  CHECK(loads.values[0] == std::vector<double>{50, 40, 10});
  CHECK(loads.values[1][1] == 25);
  CHECK(std::isnan(loads.values[1][2]));
  CHECK(loads.range == std::pair(0.0, 200.0 / 3));
  CHECK(found.maps[1].title == "Routers at the end of training, exchange gshard");
  CHECK(found.maps[1].rows == std::vector<std::string>{"decoder 1, experts", "decoder 1, global",
                                                       "encoder 1, experts", "encoder 1, global"});
  CHECK(found.maps[1].columns == std::vector<std::string>{"entropy nats", "rows least",
                                                          "rows median", "rows most", "rows p10",
                                                          "rows p90"});
}

TEST_CASE_METHOD(DetailsTest, "which experts a language uses is a map of its own") {
  place.put("evaluations/bbbb/attempts/1/events.jsonl",
            R"({"event":"load","update":0,"seconds":1,"values":)"
            R"({"decoder.1, en-fr":[90,10],"decoder.1, en-de":[20,80]}})"
            "\n");
  write_status(place.workspace.evaluation("bbbb"), read_status(place.workspace.evaluation("bbbb")));
  store.fold_in(place.workspace);
  const Details found = details();
  REQUIRE(found.maps.size() == 3);
  const HeatMap& languages = found.maps[1];
  CHECK(
      languages.title ==
      "Share of a direction's rows that came to each expert in evaluation, in %, exchange gshard");
  CHECK(languages.rows == std::vector<std::string>{"decoder 1, en-de", "decoder 1, en-fr"});
  CHECK(languages.values[1] == std::vector<double>{90, 10});
}

TEST_CASE_METHOD(DetailsTest, "figures of routers have their unit once, and bytes are scaled") {
  place.put("trainings/aaaa/attempts/3/events.jsonl",
            R"({"event":"update","update":30,"seconds":3,"values":)"
            R"({"encoder.1.global.inter_node_bytes":207250,"encoder.1.global.exchange_ms":7.5}})"
            "\n");
  write_status(place.workspace.training("aaaa"), read_status(place.workspace.training("aaaa")));
  store.fold_in(place.workspace);
  const HeatMap routers = details().maps[1];
  CHECK(routers.columns[1] == "exchange ms");
  CHECK(routers.columns[2] == "inter node kB");
  CHECK(routers.values[3][1] == 7.5);
  CHECK(routers.values[3][2] == 207.25);
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
  CHECK(found.runs[0].name == "exchange gshard, seed 3");
  CHECK(found.runs[0].row == found.rows[0]);
  const auto has = [&](const std::string& title, const char* name, const char* value) {
    for (const auto& group : found.runs[0].groups) {
      const auto& facts = group.facts;
      const std::pair<std::string, std::string> fact(name, value);
      if (group.title == title) return std::find(facts.begin(), facts.end(), fact) != facts.end();
    }
    return false;
  };
  CHECK(has("Origin", "made by",
            "xp run q.toml --set 'model.moe.exchange.use=gshard' --set 'train.seed=3'"));
  CHECK(has("Origin", "sharing", "shared with 1"));
  CHECK(has("Origin", "host", "box"));
  CHECK(has("Results", "predicted step_ms", "21.5 ms"));
  CHECK(has("Results", "step_ms", "20.5 ms"));
  CHECK(has("Settings", "train.optimizer.lr", "0.0005 1/step"));
  CHECK(has("Settings", "eval.beam", "5"));
}

TEST_CASE_METHOD(DetailsTest, "the head says what most ask first, and never when it was made") {
  input.measures = Measures({{"bleu", 0, "", "", true, "BLEU"}});
  input.corpus = "gettext, en-fr";
  place.put("trainings/aaaa/provenance.json",
            R"({"host": "box", "version": "0.1", "revision": "c0"})");
  write_status(place.workspace.training("aaaa"), read_status(place.workspace.training("aaaa")));
  store.fold_in(place.workspace);
  input.runs = report_runs(place.workspace, store, input.points);
  using Facts = std::vector<std::pair<std::string, std::string>>;
  CHECK(details().facts == Facts{{"points", "1 of 1 done"},
                                 {"last result", "1970-01-01"},
                                 {"corpus", "gettext, en-fr"},
                                 {"machine", "box"},
                                 {"xp", "0.1 (c0)"},
                                 {"best BLEU", "21.50: exchange gshard"}});
}

TEST_CASE_METHOD(DetailsTest, "curves are means over seeds within what they span") {
  input.points.push_back(input.points[0]);
  input.points[1].axes["train.seed"] = input.points[1].seed = 4;
  input.points[1].ids->training = "dddd";
  input.series = [](const std::string& training, const std::string& metric) {
    if (metric != "loss") return Series{};
    return training == "aaaa" ? Series{{10, 5}, {20, 3}, {30, 2}} : Series{{10, 7}, {20, 4}};
  };
  const Details found = details();
  REQUIRE(found.charts.size() == 1);
  CHECK(found.charts[0].title == "Training loss");
  CHECK(found.charts[0].y == "train loss nats/token");
  const auto& points = found.charts[0].curves[0].points;
  REQUIRE(points.size() == 2);
  CHECK(points[0].mean == 6);
  CHECK(points[0].low == 5);
  CHECK(points[0].high == 7);
  CHECK(points[1].mean == 3.5);
}

TEST_CASE("sentences of the test set stand beside what each evaluation made of them") {
  FilledWorkspace place;
  place.fill();
  place.put("evaluations/bbbb/spec.toml", "[eval]\nsubsets = [\"test\"]\n");
  place.put("corpora/c0ffee/test.en-fr.source.txt", "one\ntwo\nthree\nfour\n");
  place.put("corpora/c0ffee/test.en-fr.target.txt", "un\ndeux\ntrois\nquatre\n");
  place.put("evaluations/bbbb/hypotheses/test.en-fr.txt", "une\ndeux\ntroi\nquatre\n");
  place.put("evaluations/eeee/hypotheses/test.en-fr.txt", "cut off\n");
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  const auto found = report_translations(place.workspace, store, "c0ffee", {"bbbb", "eeee"});
  CHECK(found.direction == "en-fr");
  CHECK(found.sources == std::vector<std::string>{"one", "two", "three", "four"});
  CHECK(found.references[2] == "trois");
  REQUIRE(found.hypotheses.size() == 2);
  CHECK(found.hypotheses[0][2] == "troi");
  CHECK(found.hypotheses[1].empty());
  CHECK(report_translations(place.workspace, store, "none", {"bbbb"}).sources.empty());
}

TEST_CASE_METHOD(DetailsTest, "corpora come with the page") {
  input.corpora = {{"c0ffee", Value::parse(R"({"train": {"en-fr": {"kept": 3}}})")}};
  const Details found = details();
  REQUIRE(found.corpora.size() == 1);
  CHECK(found.corpora[0].tables[0].values[0] == std::vector<double>{3});
}

}  // namespace
}  // namespace xp
