// Reports beyond plain means: chance, machines, layouts, budgets, trade-offs, effects.
#include "results/report/budget.h"
#include "results/report/effects.h"
#include "results/report/pareto.h"
#include "results/report/report.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Catch::Matchers::WithinAbs;
using Words = std::vector<std::string>;

/// A report in the making: a point with its finished runs is one call.
struct Draft {
  ReportSection section;
  ReportInput input;
  std::map<std::string, Series> series;  ///< "training/metric"

  Draft() {
    input.name = "quick";
    input.words = "q.toml";
    input.measures = Measures({{"bleu", 0, "", "", true, "BLEU"}, {"errors", 0, "%", "", false}});
    section.columns = {"bleu", "step_ms"};
    input.series = [this](const std::string& training, const std::string& metric) {
      const auto found = series.find(training + "/" + metric);
      return found == series.end() ? Series{} : found->second;
    };
  }
  Draft& add(const std::map<std::string, Value>& axes, double bleu, double step_ms,
             const std::string& machine = "box", const std::string& layout = "2x2") {
    const std::string id = std::to_string(input.points.size());
    const auto seed = axes.find("train.seed");
    input.points.push_back(
        {axes, RunIds{"t" + id, "e" + id}, seed == axes.end() ? 0 : seed->second.get<int64_t>()});
    input.runs["t" + id] = {ReportState::kDone, "", {{"step_ms", step_ms}}, layout, machine, 4};
    input.runs["e" + id] = {ReportState::kDone, "", {{"bleu", bleu}}};
    return *this;
  }
  Draft& run(const std::string& model, int64_t seed, double bleu, double step_ms) {
    return add({{"model.use", model}, {"train.seed", seed}}, bleu, step_ms);
  }
  /// Of the point added last: the share of its machine that other programs kept busy meanwhile.
  Draft& beside(double other_load) {
    input.runs[input.points.back().ids->training].summary["other_load"] = other_load;
    return *this;
  }
  Draft& baseline(const std::string& model) {
    input.is_baseline = [model](const ReportPoint& p) { return p.axes.at("model.use") == model; };
    return *this;
  }
  const Table table() const { return make_report(section, input); }
};

std::string shown(const Cell& cell) {
  if (!cell.is_number) return cell.text;
  std::string out = fmt::format("{:g}", cell.value);
  if (cell.has_difference) out += fmt::format("{:+g}", cell.difference);
  if (cell.is_significant) out += "!";
  if (cell.is_disturbed) out += "?";
  return out + (cell.is_best ? "*" : "") + (cell.is_tied ? "~" : "");
}

std::vector<Words> shown(const Table& table) {
  std::vector<Words> out;
  for (const auto& row : table.rows) {
    out.emplace_back();
    for (const Cell& cell : row)
      out.back().push_back(shown(cell));
  }
  return out;
}

bool has_note(const Table& table, const std::string& note) {
  return std::find(table.notes.begin(), table.notes.end(), note) != table.notes.end();
}

// Gives every evaluation 300 sentences of 10 words; `hits` has how many are right, by evaluation.
void add_sentences(Draft& draft, const std::map<std::string, std::vector<int64_t>>& hits) {
  draft.input.sentences = [hits](const std::string& evaluation, const std::string&) {
    SentenceCounts out{2, {}};
    for (size_t i = 0; i < 300; ++i) {
      const auto& of = hits.at(evaluation);
      out.numbers.push_back(of[i % of.size()]);
      out.numbers.push_back(10);
    }
    return std::vector<SentenceCounts>{out};
  };
  draft.input.score = [](const std::string&, const std::string&, std::span<const int64_t> sums) {
    return 100.0 * static_cast<double>(sums[0]) / static_cast<double>(sums[1]);
  };
}

TEST_CASE("one seed a row is enough for a bootstrap over sentences") {
  Draft draft;
  draft.section.columns = {"bleu"};
  draft.run("a", 1, 50, 1).run("b", 1, 60, 1).run("c", 1, 60.5, 1).baseline("a");
  add_sentences(draft, {{"e0", {5, 4, 6}}, {"e1", {6, 5, 7}}, {"e2", {9, 2, 7, 6, 6, 6}}});
  const Table table = draft.table();
  CHECK(shown(table) == std::vector<Words>{{"a", "50"}, {"b", "60+10!~"}, {"c", "60.5+10.5!*"}});
  CHECK(table.rows[1][1].p.value() < 0.01);
  CHECK(std::abs(table.rows[1][1].interval.value().first - 10) < 1e-9);
  CHECK(has_note(table,
                 "significance: p < 0.05, two-sided, by paired bootstrap over sentences and seeds, "
                 "Holm-corrected in each column"));
}

TEST_CASE("without sentences seeds are compared by Welch's test") {
  Draft draft;
  draft.section.columns = {"bleu"};
  draft.run("a", 1, 20, 1).run("a", 2, 20.2, 1).run("b", 1, 25, 1).run("b", 2, 25.2, 1);
  draft.run("c", 1, 20.3, 1).run("c", 2, 20.1, 1).baseline("a");
  const Table table = draft.table();
  CHECK(shown(table) == std::vector<Words>{{"a", "20.1"}, {"b", "25.1+5!*"}, {"c", "20.2+0.1"}});
  CHECK(has_note(table,
                 "significance: p < 0.05, two-sided, by Welch's test over seeds, Holm-corrected in "
                 "each column"));
}

TEST_CASE("NaN and infinite figures leave a cell without number, not a broken row") {
  Draft draft;
  draft.section.columns = {"bleu"};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  draft.run("a", 1, 20, 1).run("b", 1, nan, 1).run("c", 1, INFINITY, 1).baseline("a");
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "20"}, {"b", ""}, {"c", ""}});
}

TEST_CASE("speed on different machines is neither averaged nor compared") {
  Draft draft;
  draft.add({{"model.use", "a"}, {"train.seed", 1}}, 20, 100, "box");
  draft.add({{"model.use", "a"}, {"train.seed", 2}}, 22, 900, "old box");
  draft.add({{"model.use", "b"}, {"train.seed", 1}}, 21, 50, "box");
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "21", "2 machines"}, {"b", "21", "50"}});
  const char* const note =
      "speed on different machines, or beside another number of runs, is not averaged; the "
      "table provenance (xp sql) says where each run was";
  CHECK(has_note(draft.table(), note));
  Draft named;
  named.add({{"model.use", "2 machines"}}, 20, 100).add({{"model.use", "b"}}, 21, 50);
  CHECK_FALSE(has_note(named.table(), note));
  Draft compared;
  compared.add({{"model.use", "a"}}, 20, 100, "box").add({{"model.use", "b"}}, 21, 50, "old box");
  compared.baseline("a");
  CHECK(shown(compared.table()) == std::vector<Words>{{"a", "20", "100"}, {"b", "21+1*", "50*"}});
  CHECK(has_note(compared.table(),
                 "speed on different machines, or beside another number of runs, is not compared"));
}

TEST_CASE("speed that other programs disturbed is marked and not compared, quality is") {
  Draft draft;
  draft.run("a", 1, 20, 100).beside(0.1).run("b", 1, 21, 50).beside(0.4).run("c", 1, 22, 80);
  draft.baseline("a");
  CHECK(shown(draft.table()) ==
        std::vector<Words>{{"a", "20", "100"}, {"b", "21+1", "50?"}, {"c", "22+2*", "80-0.2*"}});
  CHECK(has_note(draft.table(),
                 "?: other programs kept more than 10 % of the machine busy, so this speed is not "
                 "compared; column other_load says how much"));
  draft.baseline("b");
  CHECK(shown(draft.table()) ==
        std::vector<Words>{{"a", "20-1", "100"}, {"b", "21", "50?"}, {"c", "22+1*", "80*"}});
}

TEST_CASE("of a row's speeds those that other programs disturbed are left out of the mean") {
  Draft draft;
  draft.run("a", 1, 20, 100).run("a", 2, 22, 900).beside(0.4);
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "21", "100"}});
  CHECK(has_note(draft.table(),
                 "the speed of 1 run is left out of the means: other programs kept more than 10 % "
                 "of the machine busy"));
}

TEST_CASE("the front and effects leave out speed that other programs disturbed") {
  Draft draft;
  draft.run("a", 1, 20, 100).run("b", 1, 19, 50).beside(0.4).run("c", 1, 22, 120);
  const Table front = pareto_table(draft.section, draft.input, "step_ms");
  CHECK(shown(front) ==
        std::vector<Words>{{"a", "20*", "100*", "front"}, {"c", "22*", "120*", "front"}});
  CHECK(has_note(front, "2 of 3 rows have both figures, undisturbed by other programs"));
  Draft seeds;
  seeds.section.columns = {"step_ms"};
  seeds.run("a", 1, 20, 100).run("a", 2, 20, 110).run("b", 1, 20, 50).run("b", 2, 20, 900);
  seeds.beside(0.4);
  CHECK(shown(effects_table(seeds.section, seeds.input)) ==
        std::vector<Words>{{"model", "a", "100"}, {"model", "b", "50-0.5"}});
}

TEST_CASE("layouts pool for quality when asked, for speed never") {
  Draft draft;
  draft.add({{"model.use", "a"}, {"launch.nodes", 1}}, 20, 100, "box", "1x4");
  draft.add({{"model.use", "a"}, {"launch.nodes", 2}}, 22, 300, "box", "2x2");
  draft.section.rows = {"model"};
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "2 layouts", "2 layouts"}});
  draft.section.pool = {"layout"};
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "21", "2 layouts"}});
  draft.section.rows = {};
  CHECK(draft.table().rows.size() == 1);
  draft.section.pool = {"seeds"};
  CHECK_THROWS_MATCHES(
      draft.table(), Error,
      Message("'seeds' in [report] pool is nothing that can be pooled; known: layout"));
}

TEST_CASE("layouts and machines that are not known yet are none of several") {
  Draft draft;
  draft.add({{"model.use", "a"}, {"train.seed", 1}}, 20, 100);
  draft.add({{"model.use", "a"}, {"train.seed", 2}}, 22, 100);
  draft.input.points[0].predicted =
      draft.input.points[1].predicted = {{"inter_node_bytes", 5}, {"step_ms", 7}};
  draft.input.runs.erase("t1");
  draft.section.columns = {"predicted_inter_node_bytes", "predicted_step_ms"};
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "5", "7"}});
}

TEST_CASE("speeds of one row that differ by more than a fifth are pointed out") {
  Draft draft;
  draft.run("a", 1, 20, 100).run("a", 2, 22, 119).run("b", 1, 20, 100).run("b", 2, 22, 130);
  CHECK(has_note(draft.table(),
                 "unsteady: runs of one row differ in step of b by 26 %; other work on the machine "
                 "makes such figures unfit to compare"));
  Draft steady;
  steady.run("a", 1, 20, 100).run("a", 2, 90, 119);
  for (const auto& note : steady.table().notes)
    CHECK_FALSE(note.starts_with("unsteady"));
}

TEST_CASE("how marks were decided is said only below a table that has some") {
  Draft draft;
  draft.run("a", 1, 20, 1).run("a", 2, 20.1, 1).run("b", 1, 20.3, 1).run("b", 2, 25, 1);
  draft.section.columns = {"bleu"};
  draft.baseline("b");
  const std::string note =
      "significance: p < 0.05, two-sided, by Welch's test over seeds, Holm-corrected in each "
      "column";
  CHECK(has_note(draft.table(), note));  // a is tied
  draft.input.runs["e3"].summary["bleu"] = 20.5;
  draft.section.columns = {"parameters"};
  for (int i = 0; i < 4; ++i)
    draft.input.runs["t" + std::to_string(i)].summary["parameters"] = 5 + i;
  CHECK(draft.table().rows[0][1].p.has_value());
  CHECK_FALSE(draft.table().rows[0][1].is_significant);
  CHECK_FALSE(has_note(draft.table(), note));
}

TEST_CASE("settings that are the same in every row are not shown") {
  Draft draft;
  draft.add({{"model.use", "a"}, {"train.lr", 1}}, 20, 1);
  draft.add({{"model.use", "b"}, {"train.lr", 1}}, 21, 1);
  CHECK(draft.table().columns[0].key == "model");
  CHECK(draft.table().columns[1].key == "bleu");
}

TEST_CASE("a row that averages over more than seeds says so") {
  Draft draft;
  draft.add({{"model.use", "a"}, {"train.lr", 1}}, 20, 1);
  draft.add({{"model.use", "a"}, {"train.lr", 2}}, 21, 1);
  draft.section.rows = {"model"};
  CHECK(has_note(draft.table(),
                 "mean ± standard deviation (number of runs: rows average over lr, too)"));
}

TEST_CASE("at an equal budget curves are interpolated") {
  Draft draft;
  draft.run("a", 1, 30, 100).run("b", 1, 31, 100);
  for (const char* id : {"t0", "t1"}) {
    draft.series[std::string(id) + "/valid_bleu"] = {{100, 10}, {200, 20}};
    draft.series[std::string(id) + "/tokens"] = {{100, 1000}, {200, 3000}};
    draft.series[std::string(id) + "/seconds"] = {{100, 3600}, {200, 7200}};
    draft.input.runs[id].summary["inter_node_bytes"] = 10;
    draft.input.runs[id].summary["gradient_inter_node_bytes"] = 30;
  }
  draft.series["t1/tokens"] = {{100, 2000}, {200, 6000}};
  const auto at = [&](const std::string& budget) {
    draft.input.at = parse_budget(budget);
    return shown(draft.table());
  };
  CHECK(at("updates=150") == std::vector<Words>{{"a", "15"}, {"b", "15"}});
  CHECK(at("tokens=2k") == std::vector<Words>{{"a", "15*"}, {"b", "10"}});
  CHECK(at("hours=1.5") == std::vector<Words>{{"a", "15"}, {"b", "15"}});
  CHECK(at("device_hours=6") == std::vector<Words>{{"a", "15"}, {"b", "15"}});
  CHECK(at("total_inter_node_bytes=6k") == std::vector<Words>{{"a", "15"}, {"b", "15"}});
  CHECK(at("tokens=4k") == std::vector<Words>{{"a", "not reached"}, {"b", "15"}});
  CHECK(draft.table().columns[1].key == "valid_bleu");
  CHECK(draft.table().title == "quick (at tokens=4k)");
  CHECK(has_note(draft.table(), "not shown, since it is measured at the end only: step_ms"));
}

TEST_CASE("budgets that are none are refused with what they can be") {
  CHECK_THROWS_MATCHES(parse_budget("token=3"), Error,
                       Message("no budget for --at named 'token', did you mean 'tokens'? known: "
                               "updates, tokens, hours, total_inter_node_bytes, device_hours"));
  for (const char* text :
       {"tokens", "tokens=", "tokens=0", "tokens=-1", "tokens=2x", "tokens=nan"}) {
    CHECK_THROWS_MATCHES(parse_budget(text), Error,
                         Message("'" + std::string(text) +
                                 "' in --at must be tokens=NUMBER above 0, such as tokens=2000 or "
                                 "tokens=1.5k"));
  }
  CHECK(parse_budget("updates=2.5M").value == 2.5e6);
}

TEST_CASE("predicted figures stand beside the measured ones") {
  Draft draft;
  draft.run("a", 1, 20, 110);
  draft.input.points[0].predicted["step_ms"] = 100;
  draft.section.columns = {"step_ms", "predicted_step_ms", "step_ms_vs_predicted"};
  CHECK(shown(draft.table()) == std::vector<Words>{{"a", "110", "100", "1.1"}});
  draft.input.points[0].predicted.clear();
  CHECK(draft.table().notes ==
        Words{"nothing predicts 'predicted_step_ms' yet; `xp probe` measures links and compute for "
              "that",
              "nothing predicts 'step_ms_vs_predicted' yet; `xp probe` measures links and compute "
              "for that"});
}

TEST_CASE("the front is what nothing beats in both; close losers are near") {
  Draft draft;
  draft.run("fast", 1, 20, 100).run("good", 1, 25, 200).run("worst", 1, 19, 300);
  draft.run("close", 1, 24, 210).run("close", 2, 26, 190).run("close", 3, 24.9, 201);
  CHECK(shown(pareto_table(draft.section, draft.input, "step_ms")) ==
        std::vector<Words>{{"fast", "20*", "100*", "front"},
                           {"good", "25*", "200*", "front"},
                           {"close", "24.9667", "200.333", "near"},
                           {"worst", "19", "300", "beaten by fast"}});
  CHECK_THROWS_MATCHES(pareto_table(draft.section, draft.input, "parameters"), Error,
                       Message("'parameters' is not a cost; known are step_ms, inter_node_bytes, "
                               "cpu_seconds and the like"));
}

TEST_CASE("effects are means over all else, and what two of them do not add up to") {
  Draft draft;
  draft.section.columns = {"bleu"};
  for (const auto& [a, b, bleu] : std::vector<std::tuple<double, double, double>>{
           {0, 0, 10}, {0, 1, 12}, {0.5, 0, 14}, {0.5, 1, 20}}) {
    draft.add({{"model.alpha", a}, {"model.beta", b}}, bleu, 1);
  }
  CHECK(shown(effects_table(draft.section, draft.input)) ==
        std::vector<Words>{{"alpha", "0.0", "11"},
                           {"alpha", "0.5", "17+6"},
                           {"beta", "0.0", "12"},
                           {"beta", "1.0", "16+4"},
                           {"alpha × beta", "0.0 × 0.0", "10+1"},
                           {"alpha × beta", "0.0 × 1.0", "12-1"},
                           {"alpha × beta", "0.5 × 0.0", "14-1"},
                           {"alpha × beta", "0.5 × 1.0", "20+1"}});
}

TEST_CASE("an interaction is tested over the seeds, as every effect is") {
  Draft draft;
  draft.section.columns = {"step_ms"};
  const double noise[] = {0, 1, -1};
  for (int64_t seed = 0; seed < 3; ++seed) {
    for (const auto& [a, b, ms] : std::vector<std::tuple<double, double, double>>{
             {0, 0, 100}, {0, 1, 120}, {1, 0, 140}, {1, 1, 200}}) {
      // The seeds differ, and one combination a little more than the rest.
      const double extra = noise[seed] * (a + b == 2 ? 3 : 2);
      draft.add({{"model.alpha", a}, {"model.beta", b}, {"train.seed", seed}}, 1, ms + extra);
    }
  }
  const Table table = effects_table(draft.section, draft.input);
  CHECK(shown(table) == std::vector<Words>{{"alpha", "0.0", "110"},
                                           {"alpha", "1.0", "170+0.545455!"},
                                           {"beta", "0.0", "120"},
                                           {"beta", "1.0", "160+0.333333!"},
                                           {"alpha × beta", "0.0 × 0.0", "100+0.111111!"},
                                           {"alpha × beta", "0.0 × 1.0", "120-0.0769231!"},
                                           {"alpha × beta", "1.0 × 0.0", "140-0.0666667!"},
                                           {"alpha × beta", "1.0 × 1.0", "200+0.0526316!"}});
  // scipy.stats.ttest_1samp([10, 10.25, 9.75], 0), four times that by Holm
  CHECK_THAT(table.rows[4][2].p.value(), WithinAbs(4 * 0.0002082682517640415, 1e-12));
  CHECK(table.rows[4][2].count == 3);
}

TEST_CASE("an effect compares only runs that have a counterpart at every value") {
  Draft draft;
  draft.section.columns = {"bleu"};
  draft.add({{"model.use", "a"}, {"model.beta", 1}}, 10, 1);
  draft.add({{"model.use", "b"}, {"model.beta", 1}}, 14, 1);
  draft.add({{"model.use", "b"}, {"model.beta", 2}}, 99, 1);
  const Table table = effects_table(draft.section, draft.input);
  CHECK(table.notes.back() ==
        "left out, since no run that is otherwise alike was measured at every other value: "
        "model 1 of 3 runs, beta 1 of 3 runs, model × beta 3 of 3 runs");
  CHECK(shown(table) == std::vector<Words>{{"model", "a", "10"},
                                           {"model", "b", "14+4"},
                                           {"beta", "1", "14"},
                                           {"beta", "2", "99+85"}});
}

}  // namespace
}  // namespace xp
