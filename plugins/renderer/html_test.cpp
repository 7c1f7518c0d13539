// The page: what it holds, that it needs nothing else, and that a browser can run it.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "registry/renderer.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

namespace xp {
namespace {

Cell text(const std::string& words) {
  Cell out;
  out.text = words;
  return out;
}

Cell number(double value) {
  Cell out;
  out.is_number = true;
  out.value = value;
  out.count = 2;
  out.spread = 0.5;
  return out;
}

Table page_table(int rows) {
  Table out;
  out.title = "a <b> & \"c\"";
  out.baseline = "model 0";
  out.columns = {{.name = "model", .unit = "", .key = "model"},
                 {.name = "BLEU", .unit = "", .is_number = true, .key = "b", .is_measured = true}};
  for (int i = 0; i < rows; ++i)
    out.rows.push_back({text("</script>" + std::to_string(i)), number(20.0 - i)});
  out.rows[0][1].is_best = true;
  out.notes = {"next: xp run q.toml"};
  out.details.charts = {{"Validation BLEU", "updates", "BLEU", {{"<i>", {{0, 1}, {10, 5}}}}}};
  out.details.tradeoffs = {
      {"BLEU against step",
       "step ms",
       "BLEU",
       {{"m1", "front", 10, 20, 1, 0.5}, {"m2", "beaten by m1", 12, 19, 0, 0}}}};
  out.details.maps = {{"map", "alpha", "beta", {"0.2"}, {"0", "1"}, {{20, NAN}}, 1}};
  HeatMap kept{"Sentences kept",  "direction", "subset", {"en-fr"},
               {"train", "test"}, {{300, 20}}, 0,        true};
  Histogram lengths{"Lengths of training sentences",
                    "pieces, from",
                    "sentences",
                    {"0", "10"},
                    {{"source", {200, 100}}, {"target", {150, 150}}}};
  out.details.corpora = {{"Corpus <c0ffee>", {lengths}, {kept}}};
  out.details.runs = {{"run </script>", "done", {{"command", "xp run q.toml"}, {"host", "box"}}}};
  return out;
}

std::string html(const Table& table) {
  return make_part<Renderer>({{"use", "html"}})->render(table, false);
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++out;
  return out;
}

TEST_CASE("the page is self-contained and nothing in it breaks out of its place") {
  const std::string page = html(page_table(3));
  CHECK(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  CHECK(page.find("<h1>a &lt;b&gt; &amp; &quot;c&quot;</h1>") != std::string::npos);
  CHECK(page.find("<td>&lt;/script&gt;2</td>") != std::string::npos);
  CHECK(count_of(page, "</script>") == 2);
  for (const char* outside : {"http:", "https:", "src=", "@import", "url("})
    CHECK(page.find(outside) == std::string::npos);
  CHECK(count_of(page, "<svg viewBox=\"0 0 640 320\" role=\"img\" aria-label=") == 3);
  CHECK(page.find("<strong class=\"best\" title=\"best\">20.00</strong>") != std::string::npos);
  CHECK(page.find("--heat:0%\">20.0</td><td>–</td>") != std::string::npos);
}

TEST_CASE("a page shows a corpus as bars and as a table") {
  const std::string page = html(page_table(1));
  CHECK(page.find("<h3>Corpus &lt;c0ffee&gt;</h3>") != std::string::npos);
  CHECK(count_of(page, "<rect class=\"bar l0\"") == 2 + 1);  // and one in the legend
  CHECK(count_of(page, "<rect class=\"bar l1 hollow\"") == 2 + 1);
  CHECK(page.find("<title>pieces, from 10: 100 source</title>") != std::string::npos);
  CHECK(page.find("<caption><span>Sentences kept</span></caption>") != std::string::npos);
}

TEST_CASE("a page without details has only its table") {
  Table table = page_table(1);
  table.details = {};
  const std::string page = html(table);
  CHECK(page.find("id=\"figures\"") == std::string::npos);
  CHECK(page.find("id=\"corpora\"") == std::string::npos);
  CHECK(page.find("id=\"all-runs\"") == std::string::npos);
}

TEST_CASE("a browser runs the page's script", "[slow]") {
  std::string program = find_program("chromium");
  if (program.empty()) SKIP("no chromium on this machine");
  const TempFolder folder;
  write_atomic(folder.path() / "page.html", html(page_table(450)));
  const Finished ended = run_program(
      {program, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
       "--user-data-dir=" + (folder.path() / "profile").string(), "--dump-dom",
       "file://" + (folder.path() / "page.html").string()});
  INFO(ended.errors);
  REQUIRE(ended.exit_code == 0);
  // Rows by pages, and the runs drawn from their data: the script ran to its end.
  CHECK(ended.output.find("450 of 450 rows, page 1 of 3") != std::string::npos);
  CHECK(count_of(ended.output, "<tr>") < 210);
  CHECK(ended.output.find("<summary>run &lt;/script&gt; (done)</summary>") != std::string::npos);
  CHECK(ended.output.find("1 runs") != std::string::npos);
}

}  // namespace
}  // namespace xp
