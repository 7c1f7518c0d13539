// Rows, means, differences and the reasons of missing numbers.
#include "results/report/report.h"

#include "engine/base/error.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Words = std::vector<std::string>;

/// A report in the making: points are added by one word each.
struct Draft {
  ReportSection section;
  ReportInput input;

  Draft() {
    input.name = "quick";
    input.words = "q.toml";
    input.measures = Measures({{"bleu", 0, "", "", true, "BLEU"}, {"errors", 0, "%", "", false}});
    section.columns = {"bleu", "step_ms"};
  }
  /// A point of exchange `use`, with its runs done.
  Draft& done(const std::string& use, int64_t seed, double bleu, double step_ms) {
    const std::string id = use + std::to_string(seed);
    point(use, seed);
    input.runs["t" + id] = {ReportState::kDone, "", {{"step_ms", step_ms}}};
    input.runs["e" + id] = {ReportState::kDone, "", {{"bleu", bleu}}};
    return *this;
  }
  Draft& point(const std::string& use, int64_t seed) {
    const std::string id = use + std::to_string(seed);
    input.points.push_back({{{"model.moe.exchange.use", use}, {"train.seed", seed}},
                            RunIds{"t" + id, "e" + id},
                            seed});
    return *this;
  }
  Draft& baseline(const std::string& use) {
    section.baseline = "exchange == '" + use + "'";
    input.is_baseline = [use](const ReportPoint& p) {
      return p.axes.at("model.moe.exchange.use") == use;
    };
    return *this;
  }
  Table table() const { return make_report(section, input); }
  /// Every cell as short text: "21.5+0.5*n2", "running", "".
  std::vector<Words> cells() const {
    std::vector<Words> out;
    for (const auto& row : table().rows) {
      out.emplace_back();
      for (const Cell& cell : row)
        out.back().push_back(shown(cell));
    }
    return out;
  }
  static std::string shown(const Cell& cell) {
    if (!cell.is_number) return cell.text;
    std::string text = fmt::format("{:g}", cell.value);
    if (cell.has_difference) text += fmt::format("{:+g}", cell.difference);
    if (cell.is_best) text += "*";
    return text + (cell.count > 1 ? "n" + std::to_string(cell.count) : "");
  }
  Words columns() const {
    Words out;
    for (const Column& column : table().columns)
      out.push_back(column.key);
    return out;
  }
};

TEST_CASE("seeds are averaged in one row") {
  Draft draft;
  draft.done("gshard", 1, 20, 100).done("dense", 1, 18, 50).done("gshard", 2, 22, 110);
  CHECK(draft.columns() == Words{"exchange", "bleu", "step_ms"});
  CHECK(draft.cells() == std::vector<Words>{{"gshard", "21*n2", "105n2"}, {"dense", "18", "50*"}});
  CHECK(std::abs(draft.table().rows[0][1].spread - std::sqrt(2.0)) < 1e-12);
  CHECK(draft.table().rows[1][1].spread == 0);
}

TEST_CASE("scores differ from the baseline by points, speed by shares") {
  Draft draft;
  draft.done("dense", 1, 18, 50).done("gshard", 1, 20, 100).baseline("dense");
  CHECK(draft.cells() == std::vector<Words>{{"dense", "18", "50*"}, {"gshard", "20+2*", "100+1"}});
  CHECK(draft.table().baseline == "exchange dense");
}

TEST_CASE("a score of which less is better is best at its minimum") {
  Draft draft;
  draft.done("dense", 1, 18, 50).done("gshard", 1, 20, 100);
  draft.input.runs["edense1"].summary["errors"] = 40.5;
  draft.input.runs["egshard1"].summary["errors"] = 30.25;
  draft.section.columns = {"errors"};
  CHECK(draft.cells() == std::vector<Words>{{"dense", "40.5"}, {"gshard", "30.25*"}});
  CHECK(draft.table().columns[1].unit == "%");
}

TEST_CASE("a row that measures time only has no quality and is never the best") {
  Draft draft;
  draft.done("gshard", 1, 20, 100).done("dense", 1, 19, 90).done("stay", 1, 3, 60);
  draft.baseline("stay");
  draft.input.is_no_result = [](const ReportPoint& point) {
    return point.axes.at("model.moe.exchange.use") == "stay";
  };
  CHECK(draft.cells() == std::vector<Words>{{"gshard", "20*", "100+0.666667"},
                                            {"dense", "19", "90+0.5*"},
                                            {"stay", "no result", "60"}});
  const auto notes = draft.table().notes;
  CHECK(std::find(notes.begin(), notes.end(),
                  "no result: these rows show what a step costs without communication; their "
                  "models are not to be compared") != notes.end());
}

TEST_CASE("a measure without direction has no best row") {
  Draft draft;
  draft.done("dense", 1, 18, 50).done("gshard", 1, 20, 100);
  draft.input.runs["tdense1"].summary["parameters"] = 7;
  draft.input.runs["tgshard1"].summary["parameters"] = 9;
  draft.section.columns = {"parameters"};
  CHECK(draft.cells() == std::vector<Words>{{"dense", "7"}, {"gshard", "9"}});
}

TEST_CASE("a row is compared with the baseline most like it") {
  Draft draft;
  draft.baseline("dense");
  for (const auto& [use, lr, bleu] : std::vector<std::tuple<std::string, double, double>>{
           {"dense", 0.1, 10}, {"dense", 0.2, 12}, {"gshard", 0.2, 15}, {"gshard", 0.1, 11}}) {
    draft.done(use, static_cast<int64_t>(lr * 10), bleu, 1);
    draft.input.points.back().axes = {{"model.moe.exchange.use", use}, {"train.optimizer.lr", lr}};
  }
  draft.section.columns = {"bleu"};
  CHECK(draft.cells() == std::vector<Words>{{"dense", "0.1", "10"},
                                            {"dense", "0.2", "12"},
                                            {"gshard", "0.2", "15+3*"},
                                            {"gshard", "0.1", "11+1"}});
}

TEST_CASE("a share of nothing is no difference") {
  Draft draft;
  draft.done("dense", 1, 18, 0).done("gshard", 1, 20, 100).baseline("dense");
  CHECK(draft.cells()[1][2] == "100");
}

TEST_CASE("a cell without number says why") {
  Draft draft;
  draft.done("a", 1, 1, 1).point("b", 1).point("c", 1).point("d", 1).point("e", 1);
  draft.input.runs["tb1"] = {ReportState::kFailed, "rank 1 ended with 137", {}};
  draft.input.runs["tc1"] = {ReportState::kDone, "", {{"step_ms", 9}}};
  draft.input.runs["ec1"] = {ReportState::kRunning, "", {}};
  draft.input.runs["td1"] = {ReportState::kDone, "", {{"step_ms", nullptr}}};
  CHECK(draft.cells() == std::vector<Words>{{"a", "1", "1*"},
                                            {"b", "failed", "failed"},
                                            {"c", "running", "9"},
                                            {"d", "not run", ""},
                                            {"e", "not run", "not run"}});
  const Table table = draft.table();
  CHECK(table.rows[1][1].tone == Tone::kBad);
  CHECK(table.rows[2][1].tone == Tone::kActive);
  CHECK(table.rows[3][1].tone == Tone::kQuiet);
  CHECK(table.notes == Words{"failed: exchange b, seed 1: rank 1 ended with 137",
                             "1 of 5 points done, 1 running, 1 failed, 2 not run"});
  CHECK(table.hints == Words{"next: xp run q.toml"});
}

TEST_CASE("a validation score of the training never stands for the test score") {
  Draft draft;
  draft.point("a", 1);
  draft.input.runs["ta1"] = {ReportState::kDone, "", {{"bleu", 30}}};
  CHECK(draft.cells()[0][1] == "not run");
}

TEST_CASE("runs that seeds share count once") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("a", 2, 22, 5);
  draft.input.points[1].ids->training = draft.input.points[0].ids->training;
  CHECK(draft.cells() == std::vector<Words>{{"a", "21n2", "5"}});
}

TEST_CASE("rows may be named by tails, and need not be axes") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("a", 2, 22, 6);
  draft.section.rows = {"moe.exchange", "seed", "width"};
  draft.section.columns = {"bleu"};
  draft.input.setting = [](const ReportPoint&, const std::string& name) {
    return name == "width" ? Value(512) : Value();
  };
  CHECK(draft.columns() == Words{"moe.exchange", "seed", "width", "bleu"});
  CHECK(draft.cells() == std::vector<Words>{{"a", "1", "512", "20"}, {"a", "2", "512", "22*"}});
  draft.section.rows = {"model.moe.exchange.use"};
  CHECK(draft.columns() == Words{"exchange", "bleu"});
}

TEST_CASE("names that name nothing are refused with what is there") {
  Draft draft;
  draft.done("a", 1, 20, 5);
  draft.section.rows = {"exchnge"};
  CHECK_THROWS_MATCHES(draft.table(), Error,
                       Message("'exchnge' in [report] rows is not an axis of [sweep], did you mean "
                               "'exchange'?; axes: exchange, seed"));
  draft.section.rows = {};
  draft.section.sort = "-blue";
  CHECK_THROWS_MATCHES(
      draft.table(), Error,
      Message("'blue' in [report] sort is not a column of the report, did you mean "
              "'bleu'?; columns: exchange, bleu, step_ms"));
  draft.input.points[0].axes = {{"train.schedule.use", "x"}, {"eval.schedule.use", "y"}};
  draft.section.pivot = "schedule";
  CHECK_THROWS_MATCHES(draft.table(), Error,
                       Message("'schedule' in [report] pivot is both 'eval.schedule.use' and "
                               "'train.schedule.use'; write more of the path"));
}

TEST_CASE("a metric that no run has is named where another is near") {
  Draft draft;
  draft.done("a", 1, 20, 5);
  draft.section.columns = {"bleuu", "comet"};
  CHECK(draft.table().notes[0] == "no run has measured 'bleuu', did you mean 'bleu'?");
  CHECK(draft.table().hints[0] == "more columns for [report]: bleu, step_ms");
}

TEST_CASE("sorting keeps missing numbers last") {
  Draft draft;
  draft.done("a", 1, 20, 5).point("b", 1).done("c", 1, 25, 7);
  draft.section.columns = {"bleu"};
  draft.section.sort = "-bleu";
  CHECK(draft.cells() == std::vector<Words>{{"c", "25*"}, {"a", "20"}, {"b", "not run"}});
  draft.section.sort = "bleu";
  CHECK(draft.cells() == std::vector<Words>{{"a", "20"}, {"c", "25*"}, {"b", "not run"}});
  draft.section.sort = "-exchange";
  CHECK(draft.cells()[0][0] == "c");
}

TEST_CASE("a pivot turns an axis into columns") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("b", 1, 21, 6).done("a", 2, 22, 7);
  draft.section.columns = {"bleu"};
  draft.section.pivot = "seed";
  CHECK(draft.columns() == Words{"exchange", "bleu[1]", "bleu[2]"});
  CHECK(draft.cells() == std::vector<Words>{{"a", "20", "22"}, {"b", "21*", ""}});
}

TEST_CASE("a pivot among the rows is taken out of them") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("b", 1, 21, 6).done("a", 2, 22, 7);
  draft.section.columns = {"bleu"};
  draft.section.rows = {"exchange", "seed"};
  draft.section.pivot = "seed";
  CHECK(draft.columns() == Words{"exchange", "bleu[1]", "bleu[2]"});
}

TEST_CASE("where picks points, and says so when it leaves none") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("b", 1, 21, 6);
  draft.input.where = [](const ReportPoint& p) {
    return p.axes.at("model.moe.exchange.use") == "b";
  };
  CHECK(draft.cells() == std::vector<Words>{{"b", "21", "6"}});
  draft.section.where = "exchange == 'z'";
  draft.input.where = [](const ReportPoint&) { return false; };
  CHECK(draft.table().rows.empty());
  CHECK(draft.table().notes ==
        Words{"'where' in [report] leaves none of the 2 points: exchange == 'z'"});
}

TEST_CASE("notes say how to read the table and what to do next") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("b", 1, 21, 6).baseline("a");
  draft.input.runs["ta1"].summary["cpu_seconds"] = 12;
  CHECK(draft.table().notes ==
        Words{"one seed per row: small differences may be chance; \"train.seed\" = { repeat = 3, "
              "base = 1 } adds seeds"});
  CHECK(draft.table().hints == Words{"more columns for [report]: cpu_seconds",
                                     "next: xp report q.toml --format markdown"});
  draft.done("a", 2, 20, 5).baseline("z");
  CHECK(draft.table().notes[0] ==
        "'baseline' in [report] matches no row: exchange == 'z'; no differences");
  CHECK(draft.table().notes[1] == "mean ± standard deviation (number of seeds)");
}

TEST_CASE("pairs that a training left out are said, once for each training") {
  Draft draft;
  draft.done("a", 1, 20, 5).done("b", 1, 21, 6);
  draft.input.runs["ta1"].summary["left_out_pairs"] = 12;
  draft.input.points.push_back(draft.input.points.front());
  const auto notes = draft.table().notes;
  CHECK(std::count(notes.begin(), notes.end(),
                   "left out: 12 training pairs of exchange a, seed 1, which are longer than its "
                   "train.max_tokens") == 1);
}

TEST_CASE("an experiment without axes is one row") {
  Draft draft;
  draft.done("a", 1, 20, 5);
  draft.input.points[0].axes.clear();
  CHECK(draft.cells() == std::vector<Words>{{"20", "5"}});
  CHECK(Draft().cells().empty());
}

TEST_CASE("short names tell axes apart") {
  CHECK(short_names({"model.moe.exchange.use", "train.optimizer.lr", "train.seed"}) ==
        std::map<std::string, std::string>{{"model.moe.exchange.use", "exchange"},
                                           {"train.optimizer.lr", "lr"},
                                           {"train.seed", "seed"}});
  CHECK(short_names({"eval.max_tokens", "train.max_tokens"}) ==
        std::map<std::string, std::string>{{"eval.max_tokens", "eval.max_tokens"},
                                           {"train.max_tokens", "train.max_tokens"}});
}

TEST_CASE("runs come from the store or, unfinished, from their folders") {
  const TempFolder folder;
  const Workspace workspace{folder.path()};
  write_status(workspace.training("t1"), {State::kDone, 1, 0, 1, "", {{"step_ms", 7}}});
  write_status(workspace.training("t2"), {State::kRunning, 1, 0, 0, "", Value::object()});
  write_status(workspace.training("t3"), {State::kRunning, 1, 0, 0, "", Value::object()});
  write_atomic(workspace.evaluation("e1") / "status.json", "{");
  Store store = Store::in_memory();
  store.fold_in(workspace);
  const auto lease = take_lease(workspace.training("t2"));
  auto runs = report_runs(workspace, store,
                          {{{}, RunIds{"t1", "e1"}, 1},
                           {{}, RunIds{"t2", "e2"}, 1},
                           {{}, RunIds{"t3", "e3"}, 1},
                           {{}, {}, 1}});
  CHECK(runs["t1"].state == ReportState::kDone);
  CHECK(runs["t1"].summary["step_ms"] == 7.0);
  CHECK(runs["t2"].state == ReportState::kRunning);
  CHECK(runs["t3"].state == ReportState::kStopped);
  CHECK(runs["e1"].state == ReportState::kDamaged);
  CHECK(runs["e3"].state == ReportState::kNotRun);
  CHECK(runs.size() == 6);  // the last point's ids are not known
}

}  // namespace
}  // namespace xp
