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
  out.notes = {"mean of all seeds"};
  out.hints = {"more columns for [report]: x", "next: xp run q.toml"};
  out.details.charts = {
      {"Validation BLEU",
       "updates",
       "BLEU",
       {{"<i>", {{0, 1, 1, 1}, {10, 5, 4, 6}}, 0}, {"plain", {{0, 2, 2, 2}, {10, 3, 3, 3}}, 1}}}};
  out.details.tradeoffs = {
      {"BLEU against step",
       "step ms",
       "BLEU",
       {{"m1", Tradeoff::Position::kFront, "front", 10, 20, 1, 0.5, 0},
        {"m2", Tradeoff::Position::kBeaten, "beaten by m1", 12, 19, 0, 0, 1}}}};
  out.details.rows = {"m1", "m2"};
  out.details.facts = {{"corpus", "words & more"}};
  out.details.bars = {{"Time of an update", "ms", {{"m1", 10, 0.5, 0}, {"m2", 40, 0, 1}}}};
  out.details.stacks = {{"An update",
                         "ms",
                         {{"compute", "exposed"}, {"in-node", "inter-node"}},
                         {{"m<1>", {{30, 10}, {5, 20}}, 0}}}};
  out.details.sentences = {
      "chrF",
      true,
      {"m1", "m2"},
      {{"en-fr", 7, "a <b>", "un", 2, 1.5, {{"une", 60.0}, {"", std::nullopt}}},
       {"en-fr", 8, "c", "deux", 1, 3.0, {{"de", 40.0}, {"deux", 100.0}}},
       {"en-fr", 9, "d e f", "trois", 3, 1.0, {{"trois", 100.0}, {"troi", 90.0}}},
       {"en-fr", 10, "g", "dix", 1, 1.0, {{"dix", 100.0}, {"dix", 100.0}}}},
      40,
      {{0, 11}, {9, 0}}};
  for (int i = 0; i < rows; ++i)
    out.row_names.push_back("model " + std::to_string(i));
  out.details.maps = {{"map", "alpha", "beta", {"0.2"}, {"0", "1"}, {{20, NAN}}, 1}};
  HeatMap kept{"Sentences kept",  "direction", "subset", {"en-fr"},
               {"train", "test"}, {{300, 20}}, 0,        true};
  Histogram lengths{"Lengths of training sentences",
                    "pieces, from",
                    "sentences",
                    {"0", "10"},
                    {{"source", {200, 100}}, {"target", {150, 150}}}};
  out.details.corpora = {{"Corpus <c0ffee>", {lengths}, {kept}}};
  out.details.runs = {{"run </script>",
                       "done",
                       "model 0",
                       {{"Results", {{"step_ms", "20.5 ms"}}}, {"Origin", {{"host", "box"}}}}},
                      {"run 2",
                       "failed",
                       "model 1",
                       {{"Results", {{"step_ms", "30 ms"}}}, {"Origin", {{"host", "box"}}}}}};
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
  CHECK(page.find("<th scope=\"row\"><a href=\"#all-runs\" data-runs=\"model "
                  "2\">&lt;/script&gt;2</a></th>") != std::string::npos);
  CHECK(count_of(page, "</script>") == 4);
  for (const char* outside : {"http:", "https:", "src=", "@import", "url("})
    CHECK(page.find(outside) == std::string::npos);
  CHECK(count_of(page, "<svg viewBox=\"0 0 480 300\" role=\"img\" aria-label=") == 3);
  CHECK(page.find("<strong class=\"best\">20.00<span class=\"spoken\"> (best)</span></strong>") !=
        std::string::npos);
  CHECK(page.find("--heat:0%\">20.0</td><td>–</td>") != std::string::npos);
}

TEST_CASE("bars of several tracks have one scale, and say what they show") {
  const std::string page = html(page_table(1));
  for (const char* part :
       {"<span class=\"name\">m&lt;1&gt;</span><span class=\"tracks\" role=\"img\" "
        "aria-label=\"compute 30 ms, exposed 10 ms, in-node 5 ms, inter-node 20 ms\">",
        "<span class=\"part p01\" style=\"width:25.0%\" title=\"exposed 10 ms\"></span>",
        "<span class=\"part p11\" style=\"width:50.0%\" title=\"inter-node 20 ms\"></span>",
        "<span class=\"value\">40 ms</span>",
        "<li><span class=\"part p10\" aria-hidden=\"true\"></span>in-node</li>"}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
}

TEST_CASE("a page has facts, bars and translations, and no hint what to type") {
  const std::string page = html(page_table(2));
  for (const char* part :
       {"<dl class=\"facts\"><div><dt>corpus</dt><dd>words &amp; more</dd></div></dl>",
        "<li>mean of all seeds</li></ul>",
        "<span class=\"fill l0 d0\" style=\"width:25.0%\"></span></span><span class=\"value\">10 ± "
        "0.5 ms</span>",
        "<h3>Sentence 7, en-fr</h3><dl><dt>source</dt><dd>a &lt;b&gt;</dd><dt>reference</dt>"
        "<dd>un</dd><dt>m1</dt><dd>une</dd><dt>m2</dt><dd>–</dd></dl>",
        "<polygon class=\"band l0 d0\""}) {
    INFO(part);
    CHECK(page.find(part) != std::string::npos);
  }
  CHECK(count_of(page, "<polygon") == 1);  // one seed has no band
  CHECK(page.find("xp run") == std::string::npos);
  CHECK(page.find("more columns") == std::string::npos);
  // What all runs have alike is written once.
  CHECK(count_of(page, "\"box\"") == 1);
}

TEST_CASE("one wide interval does not decide what a trade-off shows") {
  Table table = page_table(1);
  table.details.tradeoffs[0].places[0].quality_margin = 1000;
  const std::string page = html(table);
  // The axis has marks between 19 and 20, and the cross ends at its frame.
  CHECK(page.find(">19.2</text>") != std::string::npos);
  CHECK(page.find("V12.0\"") != std::string::npos);
}

TEST_CASE("a map whose scale is given is tinted by it") {
  Table table = page_table(1);
  table.details.maps = {{"loads", "layer", "expert", {"1"}, {"0", "1", "2"}, {{50, 49.9, 120}}, 1}};
  table.details.maps[0].range = {0, 100};
  CHECK(html(table).find("--heat:50%\">50.0</td><td style=\"--heat:50%\">49.9</td>"
                         "<td style=\"--heat:100%\">120.0</td>") != std::string::npos);
}

TEST_CASE("a page shows a corpus as bars and as a table") {
  const std::string page = html(page_table(1));
  CHECK(page.find("<h3>Corpus &lt;c0ffee&gt;</h3>") != std::string::npos);
  CHECK(count_of(page, "<rect class=\"bar l0\"") == 2 + 1);  // and one in the legend
  CHECK(count_of(page, "<rect class=\"bar l1 hollow\"") == 2 + 1);
  CHECK(page.find("<title>pieces, from 10: 100 source</title>") != std::string::npos);
  CHECK(page.find("<table class=\"heat\" aria-label=\"Sentences kept\">") != std::string::npos);
}

TEST_CASE("a page without details has only its table") {
  Table table = page_table(1);
  table.details = {};
  const std::string page = html(table);
  CHECK(page.find("id=\"figures\"") == std::string::npos);
  CHECK(page.find("id=\"corpora\"") == std::string::npos);
  CHECK(page.find("id=\"all-runs\"") == std::string::npos);
}

/// What Debian's browser makes of a page after `script` has run in it.
struct Browser {
  TempFolder folder;

  Browser() {
    if (find_program("chromium").empty()) SKIP("no chromium on this machine");
  }
  std::string dom(std::string page, const std::string& script,
                  const std::vector<std::string>& more = {}) const {
    page.insert(page.find("</body>"), "<script>{" + script + "}</script>");
    write_atomic(folder.path() / "page.html", page);
    std::vector<std::string> command = {find_program("chromium"),
                                        "--headless",
                                        "--no-sandbox",
                                        "--disable-gpu",
                                        "--virtual-time-budget=2000",
                                        "--user-data-dir=" + (folder.path() / "profile").string(),
                                        "--dump-dom"};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back("file://" + (folder.path() / "page.html").string());
    const Finished ended = run_program(command);
    INFO(ended.errors);
    REQUIRE(ended.exit_code == 0);
    return ended.output;
  }
  /// What `script` writes as the title of the page.
  std::string answer(const std::string& page, const std::string& script,
                     const std::vector<std::string>& more = {}) const {
    const std::string found = dom(page, script, more);
    const size_t begin = found.find("<title>") + 7;
    return found.substr(begin, found.find("</title>") - begin);
  }
};

TEST_CASE("a browser runs the page's script", "[slow]") {
  const std::string found = Browser().dom(html(page_table(450)), "");
  // Rows by pages, and the runs drawn from their data: the script ran to its end.
  CHECK(found.find("450 of 450 rows, page 1 of 3") != std::string::npos);
  CHECK(count_of(found, "<tr>") < 210);
  CHECK(found.find("<summary>run &lt;/script&gt; (done)</summary>") != std::string::npos);
  CHECK(found.find("2 runs") != std::string::npos);
}

TEST_CASE("in a browser rows sort, filter and turn pages, by keys alone", "[slow]") {
  constexpr const char* kScript = R"js(
    const said = [], first = () => document.querySelector("#report tbody tr").cells[1].dataset.v;
    const say = () => said.push([first(), document.querySelector("#count").textContent,
      document.querySelector("#report th:nth-child(2)").getAttribute("aria-sort")].join("; "));
    const press = name => { const e = document.querySelector(name); e.focus();
      if (document.activeElement === e) e.click(); };
    press("#report th:nth-child(2) button"); say();
    press("#report th:nth-child(2) button"); say();
    press("#on"); say();
    const filter = document.querySelector("#filter");
    filter.value = "script>7"; filter.dispatchEvent(new Event("input")); say();
    said.push(performance.getEntriesByType("resource").length + " loaded");
    document.title = said.join(" | ");
  )js";
  CHECK(Browser().answer(html(page_table(450)), kScript) ==
        "-429; 450 of 450 rows, page 1 of 3; ascending | "
        "20; 450 of 450 rows, page 1 of 3; descending | "
        "-180; 450 of 450 rows, page 2 of 3; descending | "
        "13; 11 of 450 rows; descending | 0 loaded");
}

TEST_CASE("in a browser the pointer and the arrow keys read values off the curves", "[slow]") {
  constexpr const char* kScript = R"js(
    const svg = document.querySelector("figure.chart svg"), box = svg.getBoundingClientRect();
    const tip = document.querySelector("figure.chart .tip"), said = [];
    const say = () => said.push(tip.hidden ? "hidden" :
      [...tip.children].map(line => line.textContent).join(", "));
    const at = share => svg.dispatchEvent(new PointerEvent("pointermove",
      {clientX: box.left + share * box.width, clientY: box.top + 50}));
    say(); at(0.95); say(); at(0.15); say();
    svg.dispatchEvent(new Event("pointerleave")); say();
    svg.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"})); say();
    document.querySelector('[data-key="1"]').click(); at(0.95); say();
    said.push([...document.querySelectorAll('.figures [data-row="1"]')]
      .every(part => getComputedStyle(part).display === "none"));
    document.querySelector('[data-key="1"]').click(); at(0.95); say();
    document.title = said.join(" | ");
  )js";
  const std::string both = "updates 10, &lt;i&gt;5 (4–6), plain3";
  CHECK(Browser().answer(html(page_table(3)), kScript) ==
        "hidden | " + both + " | updates 0, plain2, &lt;i&gt;1 | hidden | " + both +
            " | updates 10, &lt;i&gt;5 (4–6) | true | " + both);
}

TEST_CASE("in a browser a row leads to its runs and all that is known of them", "[slow]") {
  constexpr const char* kScript = R"js(
    document.querySelectorAll("[data-runs]")[1].click();
    const runs = document.querySelectorAll("#runs details");
    setTimeout(() => { document.title = [runs.length, runs[0].open,
      [...runs[0].querySelectorAll("h4, dt, dd")].map(e => e.textContent).join(", "),
      document.querySelector("#found").textContent].join(" | "); }, 100);
  )js";
  CHECK(Browser().answer(html(page_table(3)), kScript) ==
        "1 | true | Results, step_ms, 30 ms, Origin, host, box | 1 runs");
}

TEST_CASE("in a browser two rows stand beside each other, sentence by sentence", "[slow]") {
  constexpr const char* kScript = R"js(
    const said = [], text = e => e.textContent;
    const order = document.querySelector("#sentence-order");
    const say = () => said.push([...document.querySelectorAll("#sentence-list h3")].map(text)
      .join(", "));
    const change = (control, value) => { control.value = value;
      control.dispatchEvent(new Event("change")); };
    said.push(text(document.querySelector("#wins")));
    say();
    for (const by of ["gain", "loss", "length", "rare", "text"]) { change(order, by); say(); }
    change(order, "difference");
    said.push([...document.querySelectorAll("#sentence-list article:first-child dd")].map(text)
      .join(", "));
    change(document.querySelector("#side-a"), "1"); change(document.querySelector("#side-b"), "0");
    said.push(text(document.querySelector("#sentence-list h3")));
    said.push(text(document.querySelector("#sentence-count")));
    document.title = said.join(" | ");
  )js";
  CHECK(Browser().answer(html(page_table(1)), kScript) ==
        "By chrF of single sentences, B is better in 9 of 40, worse in 11, equal in 20: it wins "
        "47.5 %, ties counted half. | "
        "Sentence 8, en-fr: +60.0, Sentence 9, en-fr: -10.0, Sentence 7, en-fr: 0.0 | "
        "Sentence 8, en-fr: +60.0, Sentence 7, en-fr: 0.0, Sentence 9, en-fr: -10.0 | "
        "Sentence 9, en-fr: -10.0, Sentence 7, en-fr: 0.0, Sentence 8, en-fr: +60.0 | "
        "Sentence 9, en-fr: -10.0, Sentence 7, en-fr: 0.0, Sentence 8, en-fr: +60.0 | "
        "Sentence 8, en-fr: +60.0, Sentence 7, en-fr: 0.0, Sentence 9, en-fr: -10.0 | "
        "Sentence 7, en-fr: 0.0, Sentence 8, en-fr: +60.0, Sentence 9, en-fr: -10.0, "
        "Sentence 10, en-fr: 0.0 | "
        "c, deux, 40.0 de, 100.0 (better) deux | "
        "Sentence 8, en-fr: -60.0 | 1 to 3 of 3, chosen from 40");
}

TEST_CASE("in a browser nothing is wider than a phone", "[slow]") {
  constexpr const char* kScript = R"js(
    document.title = document.documentElement.scrollWidth <= innerWidth ? "fits" :
      [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") &&
        e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML).join(" ");
  )js";
  Table table = page_table(3);
  table.details.rows[1] =
      "exchange scomoe-seq, alpha 0.25, beta 0.5, capacity factor 1.25, layers 6";
  CHECK(Browser().answer(html(table), kScript, {"--window-size=420,900"}) == "fits");
}

// Relative luminance and contrast as WCAG 2.1 defines them; AA asks for 4.5.
constexpr const char* kContrast = R"js(
  const parse = text => { const n = text.match(/[\d.]+/g).map(Number);
    if (text.startsWith("color(srgb")) for (let i = 0; i < 3; ++i) n[i] *= 255;
    return n.length < 4 ? [...n, 1] : n; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const behind = e => e === null ? [255, 255, 255, 1] :
    over(parse(getComputedStyle(e).backgroundColor), behind(e.parentElement));
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => { const v = c[i] / 255;
    return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  let worst = [99, ""];
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ["script", "title"].includes(e.tagName.toLowerCase())) continue;
    const svg = e instanceof SVGElement, style = getComputedStyle(e), back = behind(e);
    const ink = over(parse(svg ? style.fill : style.color), back);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.tagName + "." + e.className + ": " + e.textContent];
  }
  document.title = worst[0] >= 4.5 ? "readable" : worst.join(" ");
)js";

TEST_CASE("every text of the page has the contrast that WCAG AA asks for, light and dark",
          "[slow]") {
  Table table = page_table(3);
  table.rows[0][1].has_difference = table.rows[1][1].is_tied = true;
  table.rows[2][1] = text("failed");
  table.details.maps[0].values = {{20, 30}};
  const Browser browser;
  CHECK(browser.answer(html(table), kContrast) == "readable");
  const std::string is_dark =
      "if (!matchMedia('(prefers-color-scheme:dark)').matches) document.title = 'not dark';";
  CHECK(browser.answer(html(table), kContrast + is_dark,
                       {"--blink-settings=preferredColorScheme=0"}) == "readable");
}

}  // namespace
}  // namespace xp
