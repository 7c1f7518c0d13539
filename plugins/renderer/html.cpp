// The report as one self-contained page: the table, figures, and what each run was made of.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "plugins/renderer/page.h"
#include "plugins/renderer/svg.h"
#include "registry/renderer.h"

#include <algorithm>

namespace xp {
namespace {

std::string number(const Column& column, double value) {
  return fmt::format("{:.{}f}{}", value / column.scale, column.decimals, column.suffix);
}

// What looks say, for those who do not see them.
std::string spoken(const char* words) {
  return fmt::format("<span class=\"spoken\"> ({})</span>", words);
}

std::string difference(const Column& column, const Cell& cell) {
  const std::string value = column.is_relative
                                ? fmt::format("{:+.1f}%", 100 * cell.difference)
                                : fmt::format("{:+.{}f}", cell.difference, column.decimals);
  const std::string p = cell.p ? fmt::format(" title=\"p = {:.3g}\"", *cell.p) : "";
  return fmt::format(" <span class=\"diff\"{}>Δ {}{}</span>", p, value,
                     cell.is_significant ? "†" + spoken("more than chance") : "");
}

// A setting in the first column names its row.
std::string cell_of(const Column& column, const Cell& cell, bool is_first) {
  const char* side = column.is_number ? " class=\"n\"" : "";
  if (!cell.is_number) {
    // A setting that is a number sorts as one.
    const bool state = column.is_measured && !cell.text.empty();
    const bool sorts = !column.is_measured && column.is_number && !cell.text.empty();
    const bool names = is_first && !column.is_measured;
    return fmt::format("<{}{}{}>{}{}{}</{}>", names ? "th scope=\"row\"" : "td", side,
                       sorts ? fmt::format(" data-v=\"{}\"", html_escaped(cell.text)) : "",
                       state ? "<span class=\"state\">" : "",
                       cell.text.empty() ? "–" : html_escaped(cell.text), state ? "</span>" : "",
                       names ? "th" : "td");
  }
  std::string value = number(column, cell.value);
  if (cell.is_best) value = "<strong class=\"best\">" + value + spoken("best") + "</strong>";
  if (cell.is_tied) {
    value = "<span class=\"tied\">" + value + "</span>" + spoken("may be as good as the best");
  }
  if (cell.count > 1)
    value += fmt::format(" <span class=\"spread\">± {} ({})</span>", number(column, cell.spread),
                         cell.count);
  if (cell.has_difference) value += difference(column, cell);
  return fmt::format("<td{} data-v=\"{}\">{}</td>", side, cell.value, value);
}

std::string table_of(const Table& table) {
  std::string out =
      "<p class=\"tools\" hidden><label>Filter rows <input id=\"filter\" type=\"search\" "
      "placeholder=\"words that a row must have\"></label> <button class=\"page\" id=\"back\" "
      "type=\"button\">Previous page</button> <button class=\"page\" id=\"on\" "
      "type=\"button\">Next page</button> "
      "<span id=\"told\" role=\"status\"></span></p>\n"
      "<p class=\"caption\" id=\"marks\">Bold: best. Underlined: may be as good as the best.";
  if (!table.baseline.empty())
    out += " Differences are to " + html_escaped(table.baseline) + "; †: more than chance.";
  out +=
      "</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Comparison\"><table "
      "id=\"report\" aria-label=\"Comparison\" aria-describedby=\"marks\"><thead><tr>";
  for (const Column& column : table.columns) {
    const std::string unit = column.unit.empty() ? "" : " " + column.unit;
    out += fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                       column.is_number ? " class=\"n\"" : "", html_escaped(column.name + unit));
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i)
      out += cell_of(table.columns[i], row[i], i == 0);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string notes_of(const Table& table) {
  std::string out = "<ul class=\"note\">";
  for (const auto& note : table.notes)
    out += "<li>" + html_escaped(note) + "</li>";
  return out + "</ul>\n";
}

std::string html_of(const CorpusCard& corpus) {
  std::string out = "<h3>" + html_escaped(corpus.name) + "</h3><div class=\"figures\">";
  for (const Histogram& histogram : corpus.histograms)
    out += svg_of(histogram);
  out += "</div>\n";
  for (const HeatMap& table : corpus.tables)
    out += html_of(table);
  return out;
}

// JSON inside a script element ends only at "</", which it must therefore not contain.
std::string runs_data(const Details& details) {
  Value list = Value::array();
  for (const RunCard& run : details.runs)
    list.push_back({{"name", run.name}, {"state", run.state}, {"facts", run.facts}});
  std::string out = json_text(list);
  for (size_t at = out.find('<'); at != std::string::npos; at = out.find('<', at))
    out.replace(at, 1, "\\u003c");
  return out;
}

struct Html final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Html(const Config&) {}

  bool wants_details() const override { return true; }

  std::string render(const Table& table, bool) const override {
    const Details& more = table.details;
    const bool figures = !more.charts.empty() || !more.tradeoffs.empty();
    std::string links = "<li><a href=\"#comparison\">Comparison</a></li>", body;
    const auto section = [&](const char* id, const char* title, const std::string& content) {
      body += fmt::format("<h2 id=\"{}\">{}</h2>\n", id, title) + content;
    };
    section("comparison", "Comparison", table_of(table) + notes_of(table));
    if (figures) {
      std::string content = "<div class=\"figures\">";
      for (const Tradeoff& tradeoff : more.tradeoffs)
        content += svg_of(tradeoff);
      for (const Chart& chart : more.charts)
        content += svg_of(chart);
      section("figures", "Figures", content + "</div>\n");
      links += "<li><a href=\"#figures\">Figures</a></li>";
    }
    if (!more.maps.empty()) {
      std::string content;
      for (const HeatMap& map : more.maps)
        content += html_of(map);
      section("maps", "Maps", content);
      links += "<li><a href=\"#maps\">Maps</a></li>";
    }
    if (!more.corpora.empty()) {
      std::string content;
      for (const CorpusCard& corpus : more.corpora)
        content += html_of(corpus);
      section("corpora", "Corpora", content);
      links += "<li><a href=\"#corpora\">Corpora</a></li>";
    }
    if (!more.runs.empty()) {
      section("all-runs", "Runs",
              "<p class=\"tools\" hidden><label>Find runs <input id=\"find\" type=\"search\" "
              "placeholder=\"id, setting, host\"></label> <span id=\"found\" "
              "role=\"status\"></span></p><div id=\"runs\"></div>\n");
      links += "<li><a href=\"#all-runs\">Runs</a></li>";
    }
    const std::string title = html_escaped(table.title);
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
           "name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
           title + "</title>\n<style>" + kPageStyle +
           "</style></head>\n<body><a class=\"skip\" href=\"#comparison\">Skip to the "
           "comparison</a>\n<header><h1>" +
           title + "</h1><nav aria-label=\"Sections\"><ul>" + links +
           "</ul></nav></header>\n<main>\n" + body +
           "</main>\n<script type=\"application/json\" id=\"runs-data\">" + runs_data(more) +
           "</script>\n<script>" + kPageScript + "</script>\n</body></html>\n";
  }
};

XP_REGISTER(Renderer, Html, "html", "one self-contained page with figures and every run's origin");

}  // namespace
}  // namespace xp
