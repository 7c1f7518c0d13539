// Every format of one table, to the letter.
#include "registry/renderer.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

Cell text(const std::string& words) {
  Cell out;
  out.text = words;
  return out;
}

Cell number(double value, int64_t count = 1, double spread = 0) {
  Cell out;
  out.is_number = true;
  out.value = value;
  out.count = count;
  out.spread = spread;
  return out;
}

Cell differing(Cell cell, double difference) {
  cell.has_difference = true;
  cell.difference = difference;
  return cell;
}

Cell best(Cell cell) {
  cell.is_best = true;
  return cell;
}

Column setting(const std::string& name, bool is_number) {
  return {.name = name, .unit = "", .is_number = is_number, .key = name};
}

Table quickstart() {
  Table out;
  out.title = "quickstart: three exchanges";
  out.baseline = "exchange dense";
  out.columns = {setting("exchange", false), setting("alpha", true)};
  out.columns.push_back(
      {.name = "BLEU", .unit = "", .is_number = true, .key = "bleu", .is_measured = true});
  out.columns.push_back({.name = "tokens/s",
                         .unit = "",
                         .is_number = true,
                         .key = "tokens_per_second",
                         .scale = 1e3,
                         .suffix = "k",
                         .is_relative = true,
                         .is_measured = true});
  out.columns.push_back({.name = "inter-node",
                         .unit = "MB/step",
                         .is_number = true,
                         .better = Better::kLower,
                         .key = "inter_node_bytes",
                         .scale = 1e6,
                         .decimals = 1,
                         .is_relative = true,
                         .is_measured = true});
  out.rows = {{text("dense"), text(""), number(17.532), best(number(11249)), best(number(0))},
              {text("gshard"), text(""), best(differing(number(19.1), 1.568)),
               differing(number(6105), -0.457), number(25.3e6)},
              {text("scomoe-seq"), text("0.2"), text("running"), differing(number(8877), -0.211),
               number(9.81e6)}};
  out.rows[2][2].tone = Tone::kActive;
  out.notes = {"2 of 3 points done, 1 running"};
  out.hints = {"next: xp run q.toml"};
  return out;
}

std::string rendered(const std::string& format, const Table& table, bool colour = false) {
  return make_part<Renderer>({{"use", format}})->render(table, colour);
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i)
    out += text;
  return out;
}

TEST_CASE("the terminal table is aligned at the decimal point") {
  CHECK(rendered("table", quickstart()) ==
        "quickstart: three exchanges\n"
        "\n"
        "exchange     alpha      BLEU       Δ   tokens/s        Δ   inter-node MB/step\n" +
            repeated("─", 78) +
            "\n"
            "dense            –     17.53             11.25k*                          0.0*\n"
            "gshard           –     19.10*  +1.57      6.11k   -45.7%                 25.3\n"
            "scomoe-seq     0.2   running              8.88k   -21.1%                  9.8\n"
            "\n"
            "* best   Δ to exchange dense\n"
            "\n"
            "2 of 3 points done, 1 running\n"
            "next: xp run q.toml\n");
}

TEST_CASE("colours change no column") {
  const std::string colourful = rendered("table", quickstart(), true);
  CHECK(colourful.find("\x1b[1m19.10\x1b[0m  \x1b[2m+1.57\x1b[0m") != std::string::npos);
  CHECK(colourful.find("\x1b[33mrunning\x1b[0m") != std::string::npos);
  CHECK(colourful.find("bold: best   Δ to exchange dense") != std::string::npos);
}

TEST_CASE("spread and number of seeds stand behind the mean") {
  Table table;
  table.title = "seeds";
  table.columns = {setting("model", false)};
  table.columns.push_back(
      {.name = "BLEU", .unit = "", .is_number = true, .key = "bleu", .is_measured = true});
  table.rows = {{text("a"), best(number(17.5, 3, 0.151))}, {text("模型"), number(7.25)}};
  CHECK(rendered("table", table) ==
        "seeds\n"
        "\n"
        "model               BLEU\n" +
            repeated("─", 25) +
            "\n"
            "a       17.50 ± 0.15 (3)*\n"
            "模型     7.25        (1)\n"
            "\n"
            "* best\n");
}

TEST_CASE("a table without rows still has its head and notes") {
  Table table;
  table.title = "none";
  table.columns = {setting("exchange", false)};
  table.notes = {"nothing is there"};
  CHECK(rendered("table", table) == "none\n\nexchange\n────────\n\nnothing is there\n");
  CHECK(rendered("markdown", table) == "**none**\n\n| exchange |\n| :-- |\n\nnothing is there\n");
  CHECK(rendered("csv", table) == "exchange\n");
}

TEST_CASE("a terminal is given nothing of a name or cause that it would obey") {
  Table table;
  table.title = "a\x1b[31mb";
  table.columns = {setting("model\r", false)};
  table.rows = {{text("x\ny\x1b[2J")}};
  table.notes = {"failed: \x1b]0;title\a"};
  CHECK(make_part<Renderer>({{"use", "table"}})->render(table, false) ==
        "a [31mb\n"
        "\n"
        "model\n"
        "───────\n"
        "x y [2J\n"
        "\n"
        "failed:  ]0;title \n");
}

TEST_CASE("a tiny negative mean is no loss, a huge factor is no percentage") {
  Table table = quickstart();
  table.rows = {{text("a"), text(""), number(-0.001), differing(number(1e6), 24), number(0)}};
  const std::string out = rendered("table", table);
  CHECK(out.find(" 0.00") != std::string::npos);
  CHECK(out.find("-0.00") == std::string::npos);
  CHECK(out.find("x25") != std::string::npos);
}

TEST_CASE("Markdown escapes what would be markup") {
  Table table = quickstart();
  table.title = "a|b_c";
  table.rows.resize(2);
  CHECK(rendered("markdown", table) ==
        "**a\\|b\\_c**\n"
        "\n"
        "| exchange | alpha | BLEU | tokens/s | inter-node MB/step |\n"
        "| :-- | --: | --: | --: | --: |\n"
        "| dense | – | 17.53 | **11.25k** | **0.0** |\n"
        "| gshard | – | **19.10** (+1.57) | 6.11k (-45.7%) | 25.3 |\n"
        "\n"
        "Differences are to exchange dense.\n"
        "\n"
        "2 of 3 points done, 1 running\n");
}

TEST_CASE("CSV holds measured values in columns of their own") {
  Table table = quickstart();
  table.columns.resize(3);
  table.rows = {{text("a \"b\", c"), text(""), differing(number(19.25, 2, 0.5), 1.5)},
                {text("d"), text("0.2"), text("failed")}};
  CHECK(rendered("csv", table) ==
        "exchange,alpha,bleu,bleu_std,bleu_n,bleu_difference,bleu_p\n"
        "\"a \"\"b\"\", c\",,19.25,0.5,2,1.5,\n"
        "d,0.2,failed,,,,\n");
}

TEST_CASE("JSON holds unrounded values") {
  const Value out = Value::parse(rendered("json", quickstart()));
  CHECK(out["schema_version"] == 1);
  CHECK(out["baseline"] == "exchange dense");
  CHECK(out["rows"][1]["bleu"] ==
        Value{{"value", 19.1}, {"n", 1}, {"best", true}, {"difference", 1.568}});
  CHECK(out["rows"][2]["bleu"] == "running");
  CHECK(out["rows"][0]["alpha"].is_null());
  CHECK(out["columns"][3]["difference"] == "share");
  CHECK(out["columns"][4]["higher_is_better"] == false);
  CHECK(out["columns"][1]["higher_is_better"].is_null());
  CHECK(out["notes"] == Value{"2 of 3 points done, 1 running", "next: xp run q.toml"});
}

TEST_CASE("speed that other programs disturbed is marked in every format") {
  Table table = quickstart();
  table.rows[1][3] = number(6105);
  table.rows[1][3].is_disturbed = true;
  const std::string plain = rendered("table", table), coloured = rendered("table", table, true);
  CHECK(plain.find(" 6.11k? ") != std::string::npos);
  CHECK(plain.find("11.25k* ") != std::string::npos);
  CHECK(coloured.find("6.11k?") != std::string::npos);
  CHECK(rendered("markdown", table).find("| 6.11k? |") != std::string::npos);
  CHECK(rendered("latex", table).find("6.11k?") != std::string::npos);
  CHECK(rendered("html", table)
            .find("6.11k?<span class=\"spoken\"> (disturbed by other programs)"
                  "</span>") != std::string::npos);
  CHECK(Value::parse(rendered("json", table))["rows"][1]["tokens_per_second"] ==
        Value{{"value", 6105}, {"n", 1}, {"best", false}, {"disturbed", true}});
}

TEST_CASE("what chance may explain is marked in every format") {
  Table table;
  table.title = "tested";
  table.baseline = "model a";
  table.columns = {setting("model", false)};
  table.columns.push_back(
      {.name = "BLEU", .unit = "", .is_number = true, .key = "bleu", .is_measured = true});
  Cell tied = differing(number(19.8), 1.8), base = number(18);
  tied.is_tied = tied.is_significant = true;
  tied.p = 0.002;
  tied.interval = {1.25, 2.5};
  table.rows = {{text("a"), base}, {text("b"), tied}, {text("c"), best(number(20))}};
  CHECK(rendered("table", table) ==
        "tested\n"
        "\n"
        "model    BLEU       Δ\n" +
            repeated("─", 22) +
            "\n"
            "a       18.00\n"
            "b       19.80~  +1.80†\n"
            "c       20.00*\n"
            "\n"
            "* best   ~ may be as good   Δ to model a   † significant\n");
  CHECK(rendered("markdown", table).find("| b | <u>19.80</u> (+1.80)† |") != std::string::npos);
  CHECK(rendered("csv", table).find("b,19.8,,1,1.8,0.002\n") != std::string::npos);
  CHECK(Value::parse(rendered("json", table))["rows"][1]["bleu"] ==
        Value{{"value", 19.8},
              {"n", 1},
              {"best", false},
              {"tied", true},
              {"difference", 1.8},
              {"p", 0.002},
              {"interval", {1.25, 2.5}}});
}

}  // namespace
}  // namespace xp
