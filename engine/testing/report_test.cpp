// Reports of the real program over results that nobody trained: every format, every comparison,
// tables of a paper, and the commands around the store.
#include "engine/base/text.h"
#include "engine/testing/user.h"
#include "results/runs/records.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

/// A person with about 36 finished points: GShard and SCoMoE-seq over alpha, beta and capacity.
struct Reader {
  User user;
  fs::path place = user.folder.path() / "made";
  std::string spec = (place / "sweep.toml").string();

  Reader() {
    const Finished made = run_program({"python3", "bench/results/synthetic.py", xp_program(),
                                       place.string(), "--runs", "36", "--sentences", "100"});
    INFO(made.output + made.errors);
    REQUIRE(made.exit_code == 0);
    user.workspace = place / "ws";
  }
  Finished report(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"report", spec});
    return user.xp(words);
  }
  /// The cells of a report as CSV, the line of heads first.
  std::vector<std::vector<std::string>> csv(std::vector<std::string> words) const {
    words.insert(words.end(), {"--format", "csv"});
    std::vector<std::vector<std::string>> out;
    for (const auto& line : split(report(words).output, '\n')) {
      if (!line.empty()) out.push_back(split(trim(line), ','));
    }
    return out;
  }
  /// A column of it, by its head.
  std::vector<std::string> column(const std::vector<std::string>& words,
                                  const std::string& head) const {
    std::vector<std::string> out;
    const auto rows = csv(words);
    const auto at = std::find(rows[0].begin(), rows[0].end(), head) - rows[0].begin();
    for (size_t row = 1; row < rows.size(); ++row)
      out.push_back(rows[row].at(static_cast<size_t>(at)));
    return out;
  }
};

bool has(const Finished& ended, const std::string& words) {
  INFO(ended.output + ended.errors);
  return (ended.output + ended.errors).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a report comes in every format, with the same figures", "[slow]") {
  const Reader reader;
  const Value json = Value::parse(reader.report({"--json"}).output);
  REQUIRE(json["rows"].size() == 14);
  const std::string bleu = fmt::format("{:.2f}", json["rows"][0]["bleu"]["value"].get<double>());
  for (const auto& [format, beginning] :
       {std::pair("table", "synthetic: "), std::pair("markdown", "**synthetic: "),
        std::pair("latex", "% synthetic: "), std::pair("html", "<!DOCTYPE html>")}) {
    const Finished ended = reader.report({"--format", format});
    CHECK(ended.exit_code == 0);
    CHECK(ended.errors.empty());
    CHECK(ended.output.starts_with(beginning));
    CHECK(ended.output.find(bleu) != std::string::npos);
  }
  CHECK(reader.csv({}).size() == 15);
  CHECK(has(reader.report({"--set", "eval.beam=4"}), "\nnext: xp run " + reader.spec +
                                                         " --set eval.beam=4 --workspace " +
                                                         reader.user.workspace.string() + "\n"));
  CHECK(std::stod(reader.csv({})[1][4]) == json["rows"][0]["bleu"]["value"].get<double>());
}

TEST_CASE("a score of which less is better is starred at its minimum in every format", "[slow]") {
  const Reader reader;
  // As the metric of a plug-in records it: errors in percent, under a name that says nothing.
  for (const auto& entry : fs::directory_iterator(reader.user.workspace / "evaluations")) {
    auto scores = read_scores(entry.path());
    Status status = read_status(entry.path());
    REQUIRE(scores.size() == 2);
    const double errors = 150 - scores[0].score.value;
    scores[1].score = {"chrf", errors, "%", "", false, "mistakes"};
    write_scores(entry.path(), scores);
    fs::remove_all(entry.path() / "sentences");
    status.summary["chrf"] = errors;
    write_status(entry.path(), status);
  }
  const std::vector<std::string> columns = {"--columns", "chrf", "--sort", "chrf"};
  const auto found = reader.column(columns, "chrf");
  const std::string least = fmt::format("{:.2f}", std::stod(found.front()));
  REQUIRE(std::stod(found.front()) < std::stod(found.back()));
  const auto with_format = [&](const char* format) {
    auto words = columns;
    words.insert(words.end(), {"--format", format});
    return reader.report(words).output;
  };
  const auto lines = split(with_format("table"), '\n');
  CHECK(lines[2].find("mistakes %") != std::string::npos);
  const auto starred = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find('*') != std::string::npos;
  });
  REQUIRE(starred != lines.end());
  CHECK(starred->find(" " + least + " ") != std::string::npos);
  CHECK(with_format("latex").find("\\textbf{" + least + "}") != std::string::npos);
  CHECK(with_format("html").find("<strong class=\"best\">" + least) != std::string::npos);
  const Value json = Value::parse(reader.report({"--columns", "chrf", "--json"}).output);
  CHECK(json["columns"].back()["higher_is_better"] == false);
}

TEST_CASE("a page has figures, maps and the origin of every run", "[slow]") {
  const Finished page = Reader().report({"--format", "html"});
  for (const char* part :
       {"id=\"figures\"", "BLEU against step", "BLEU against inter-node", "Validation BLEU",
        "BLEU by alpha and beta", "Routers at the end of training", "id=\"all-runs\"",
        "--set 'model.moe.capacity_factor=0.5'", "\"host\",\"synthetic\""})
    CHECK(has(page, part));
}

TEST_CASE("rows are compared at an equal budget of every kind", "[slow]") {
  const Reader reader;
  const auto at = [&](const std::string& budget) {
    return reader.column({"--at", budget, "--where", "capacity_factor == 2"}, "valid_bleu");
  };
  // 1000 updates, 2 million tokens and 600 seconds on 4 devices were spent at the same rate.
  const auto half = at("updates=500");
  CHECK(half == at("tokens=1M"));
  CHECK(half == at("device_hours=0.33333333333333333"));
  CHECK(half == at("hours=0.08333333333333333"));
  CHECK(std::stod(half[0]) > 15);
  // Who sends less comes further with the same bytes.
  const auto bytes = at("total_inter_node_bytes=10G");
  CHECK(std::stod(bytes.back()) > std::stod(bytes.front()));
  CHECK(at("updates=1001")[0] == "not reached");
}

TEST_CASE("effects, interactions, the Pareto front, forecasts and routers are one word each",
          "[slow]") {
  const Reader reader;
  const Finished effects = reader.report({"--effects", "--columns", "bleu,step_ms"});
  CHECK(has(effects, "capacity_factor × alpha"));
  CHECK(has(effects, "alpha × beta"));
  const auto standings = reader.column({"--pareto", "step_ms"}, "pareto");
  CHECK(std::set<std::string>(standings.begin(), standings.end()).contains("front"));
  CHECK(standings.front() == "front");  // nothing is faster
  const auto shares =
      reader.column({"--columns", "inter_node_bytes_vs_predicted,predicted_step_ms"},
                    "inter_node_bytes_vs_predicted");
  CHECK(std::stod(shares[0]) > 0);
  CHECK(std::stod(reader.column({"--columns", "router_entropy"}, "router_entropy")[0]) > 0.9);
}

TEST_CASE("tables of a paper are kept, and fail the check when a number no longer follows",
          "[slow]") {
  const Reader reader;
  std::string spec = read_file(reader.spec);
  write_atomic(reader.spec, spec + "files = [\"t.tex\", \"t.md\"]\n");
  CHECK(reader.report({"--check"}).exit_code == 1);
  CHECK(reader.report({"--write"}).exit_code == 0);
  CHECK(reader.report({"--check"}).exit_code == 0);
  const fs::path run = reader.user.runs().front();
  Status status = read_status(run);
  status.summary["step_ms"] = 9999.0;
  write_status(run, status);
  const Finished checked = reader.report({"--check"});
  CHECK(checked.exit_code == 1);
  CHECK(has(checked, "t.tex:"));
  CHECK(has(checked, ", the store gives "));
  CHECK(has(checked, "2 of 2 files differ from the results; next: xp report "));
  CHECK(reader.report({"--write"}).exit_code == 0);
  CHECK(reader.report({"--check"}).exit_code == 0);
}

TEST_CASE("the store is asked, exported, checked, made anew and carried to another machine",
          "[slow]") {
  const Reader reader;
  const User& user = reader.user;
  CHECK(user.xp({"sql", "SELECT count(*) AS n FROM runs WHERE state = 'done'", "--format", "csv"})
            .output == "n\r\n84\r\n");
  CHECK(user.xp({"sql", "DROP TABLE runs"}).exit_code == 3);
  CHECK(split(user.xp({"export"}).output, '\n').size() == 42 + 2);
  CHECK(Value::parse(user.xp({"export", "--table", "scores", "--json"}).output)["rows"].size() ==
        84);
  CHECK(has(user.xp({"export", "--format", "parquet"}), "known: table, csv, json"));
  CHECK(user.xp({"db", "check"}).exit_code == 0);
  CHECK(has(user.xp({"db", "rebuild"}), "rebuilt from 85 runs and plans"));
  CHECK(user.xp({"db", "check"}).exit_code == 0);
  CHECK(user.xp({"db", "vacuum"}).exit_code == 0);
  CHECK(user.xp({"gc"}).output == "nothing to remove: every checkpoint is needed\n");
  const User other;
  CHECK(
      has(other.xp({"sync", user.workspace.string()}), "85 runs and plans imported, 0 were here"));
  CHECK(
      has(other.xp({"sync", user.workspace.string()}), "0 runs and plans imported, 85 were here"));
  CHECK(other.xp({"report", reader.spec, "--format", "csv"}).output ==
        reader.report({"--format", "csv"}).output);
}

TEST_CASE("output that cannot be written is said, short as it may be", "[slow]") {
  const Reader reader;
  for (const char* words : {"report made/sweep.toml", "report made/sweep.toml --format html",
                            "export", "sql 'SELECT 1'"}) {
    const Finished ended = run_program(
        {"sh", "-c", fmt::format("{} {} --workspace made/ws > /dev/full", xp_program(), words)},
        reader.user.folder.path());
    INFO(words);
    CHECK(ended.exit_code == 1);
    CHECK(ended.errors == "standard output cannot be written: No space left on device\n");
  }
}
