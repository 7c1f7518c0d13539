// The report as one self-contained page: the table, figures, and what each run was made of.
#include "engine/base/text.h"
#include "plugins/renderer/page.h"
#include "plugins/renderer/svg.h"
#include "registry/renderer.h"

#include <algorithm>
#include <functional>
#include <map>

namespace xp {
namespace {

// What colours and weights mean, for screen readers.
std::string spoken(const char* words) {
  return fmt::format("<span class=\"spoken\"> ({})</span>", words);
}

std::string difference(const Column& column, const Cell& cell) {
  const std::string value = column.is_relative
                                ? fmt::format("{:+.1f}%", 100 * cell.difference)
                                : fmt::format("{:+.{}f}", cell.difference, column.decimals);
  const std::string p = cell.p ? fmt::format(" title=\"p = {:.3g}\"", *cell.p) : "";
  return fmt::format(" <span class=\"diff\"{}>Δ {}{}</span>", p, value,
                     cell.is_significant ? "†" + spoken("significant") : "");
}

// A setting in the first column names its row, and leads to its runs if `runs` names them.
std::string cell_of(const Column& column, const Cell& cell, bool is_first,
                    const std::string& runs) {
  const char* side = column.is_number ? " class=\"n\"" : "";
  if (!cell.is_number) {
    // A setting that is a number sorts as one.
    const bool state = column.is_measured && !cell.text.empty();
    const bool sorts = !column.is_measured && column.is_number && !cell.text.empty();
    const bool names = is_first && !column.is_measured;
    std::string text = cell.text.empty() ? "–" : html_escaped(cell.text);
    if (state) text = "<span class=\"state\">" + text + "</span>";
    if (names && !runs.empty())
      text = fmt::format("<a href=\"#all-runs\" data-runs=\"{}\">{}</a>", html_escaped(runs), text);
    return fmt::format("<{}{}{}>{}</{}>", names ? "th scope=\"row\"" : "td", side,
                       sorts ? fmt::format(" data-v=\"{}\"", html_escaped(cell.text)) : "", text,
                       names ? "th" : "td");
  }
  std::string value = number_text(column, cell.value);
  if (cell.is_best) value = "<strong class=\"best\">" + value + spoken("best") + "</strong>";
  if (cell.is_tied) {
    value = "<span class=\"tied\">" + value + "</span>" + spoken("may be as good as the best");
  }
  if (cell.is_disturbed) value += "?" + spoken("disturbed by other programs");
  if (cell.count > 1)
    value += fmt::format(" <span class=\"spread\">± {} ({})</span>",
                         number_text(column, cell.spread), cell.count);
  if (cell.has_difference) value += difference(column, cell);
  return fmt::format("<td{} data-v=\"{}\">{}</td>", side, cell.value, value);
}

std::string table_of(const Table& table) {
  std::string out =
      "<p class=\"tools\" hidden><label>Filter rows <input id=\"filter\" type=\"search\" "
      "placeholder=\"text that a row contains\"></label> <button class=\"page\" id=\"back\" "
      "type=\"button\">Previous page</button> <button class=\"page\" id=\"on\" "
      "type=\"button\">Next page</button> "
      "<span id=\"count\" role=\"status\"></span></p>\n"
      "<p class=\"caption\" id=\"marks\">Bold: best. Underlined: may be as good as the best.";
  if (!table.baseline.empty())
    out += " Differences are to " + html_escaped(table.baseline) + "; †: significant.";
  out +=
      "</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Comparison\"><table "
      "id=\"report\" aria-label=\"Comparison\" aria-describedby=\"marks\"><thead><tr>";
  for (const Column& column : table.columns) {
    const std::string title =
        column.meaning.empty() ? "" : fmt::format(" title=\"{}\"", html_escaped(column.meaning));
    out +=
        fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
                    column.is_number ? " class=\"n\"" : "", title, html_escaped(head_text(column)));
  }
  out += "</tr></thead><tbody>\n";
  for (size_t at = 0; at < table.rows.size(); ++at) {
    const auto& row = table.rows[at];
    const bool has_runs = at < table.row_names.size() && !table.details.runs.empty();
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i)
      out += cell_of(table.columns[i], row[i], i == 0, has_runs ? table.row_names[at] : "");
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

// One key for all figures: pressed rows are shown.
std::string legend_of(const Details& details) {
  std::string out = "<ul class=\"legend\" id=\"keys\">";
  for (size_t row = 0; row < std::min(details.rows.size(), kMaxLooks); ++row) {
    out += fmt::format(
        "<li><button type=\"button\" class=\"key\" aria-pressed=\"true\" data-key=\"{}\"><svg "
        "viewBox=\"0 0 28 8\" aria-hidden=\"true\"><polyline class=\"{}\" points=\"0,4 "
        "28,4\"/></svg>{}</button></li>",
        row, look_of_row(row), html_escaped(details.rows[row]));
  }
  return out + "</ul>";
}

std::string figures_of(const Details& details) {
  std::string out = legend_of(details) + "<div class=\"figures\">";
  for (const Tradeoff& tradeoff : details.tradeoffs)
    out += svg_of(tradeoff);
  for (const Chart& chart : details.charts)
    out += svg_of(chart);
  for (const BarChart& chart : details.bars)
    out += html_of(chart);
  for (const StackChart& chart : details.stacks)
    out += html_of(chart);
  return out + "</div>\n";
}

std::string facts_of(const Details& details) {
  if (details.facts.empty()) return "";
  std::string out = "<dl class=\"facts\">";
  for (const auto& [name, value] : details.facts) {
    out +=
        fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", html_escaped(name), html_escaped(value));
  }
  return out + "</dl>";
}

std::string html_of(const TranslatedSentence& sentence, const std::vector<std::string>& rows) {
  std::string out = fmt::format(
      "<article class=\"sentence\"><h3>Sentence {}, {}</h3><dl><dt>source</dt><dd>{}"
      "</dd><dt>reference</dt><dd>{}</dd>",
      sentence.number, html_escaped(sentence.direction), html_escaped(sentence.source),
      html_escaped(sentence.reference));
  for (size_t i = 0; i < sentence.versions.size(); ++i) {
    const std::string& text = sentence.versions[i].text;
    out += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escaped(rows[i]),
                       text.empty() ? "–" : html_escaped(text));
  }
  return out + "</dl></article>\n";
}

std::string sentences_data(const SentenceSet& set) {
  Value list = Value::array();
  for (const auto& one : set.sentences) {
    Value versions = Value::array();
    for (const auto& [text, score] : one.versions)
      versions.push_back({text, score ? Value(*score) : Value()});
    list.push_back({{"n", one.number},
                    {"d", one.direction},
                    {"s", one.source},
                    {"r", one.reference},
                    {"w", one.num_words},
                    {"p", one.pieces_a_word},
                    {"v", std::move(versions)}});
  }
  return script_json({{"metric", set.metric},
                      {"higher", set.higher_is_better},
                      {"rows", set.rows},
                      {"total", set.num_sentences},
                      {"wins", set.wins},
                      {"sentences", std::move(list)}});
}

// Without a script some sentences with all rows; the script shows all, two rows beside each other.
std::string html_of(const SentenceSet& set) {
  constexpr size_t kShown = 8;
  std::string options;
  for (size_t row = 0; row < set.rows.size(); ++row)
    options += fmt::format("<option value=\"{}\">{}</option>", row, html_escaped(set.rows[row]));
  std::string out;
  if (set.rows.size() > 1 && !set.metric.empty()) {
    out = fmt::format(
        "<p class=\"tools\" hidden><label>A <select id=\"side-a\">{0}</select></label> "
        "<label>B <select id=\"side-b\">{0}</select></label> <label>First <select "
        "id=\"sentence-order\"><option value=\"difference\">the largest differences</option>"
        "<option value=\"gain\">what B gains most</option><option value=\"loss\">what B loses "
        "most</option><option value=\"length\">the longest sources</option><option "
        "value=\"rare\">the rarest words</option><option value=\"text\">the order of the "
        "text</option></select></label> <button class=\"page\" id=\"sentences-back\" "
        "type=\"button\">Previous sentences</button> <button class=\"page\" id=\"sentences-on\" "
        "type=\"button\">Next sentences</button> <span id=\"sentence-count\" "
        "role=\"status\"></span></p>\n<p class=\"caption\" id=\"wins\" role=\"status\"></p>",
        options);
  }
  out += "<div id=\"sentence-list\">";
  const size_t shown = std::min(kShown, set.sentences.size());
  for (size_t i = 0; i < shown; ++i)
    out += html_of(set.sentences[i * set.sentences.size() / shown], set.rows);
  return out + "</div>\n<script type=\"application/json\" id=\"sentences-data\">" +
         sentences_data(set) + "</script>\n";
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

using Fact = std::pair<std::string, std::string>;

// Facts that every run has alike are written once, before those of each run.
Value groups_json(const std::vector<RunCard::Group>& groups,
                  const std::function<bool(const std::string&, const Fact&)>& keeps) {
  Value out = Value::object();
  for (const auto& [title, facts] : groups) {
    Value list = Value::array();
    for (const Fact& fact : facts) {
      if (keeps(title, fact)) list.push_back({fact.first, fact.second});
    }
    out[title] = std::move(list);
  }
  return out;
}

std::string runs_data(const Details& details) {
  std::map<std::pair<std::string, Fact>, size_t> counts;
  std::vector<std::string> titles;  // in their order, which JSON objects do not keep
  for (const RunCard& run : details.runs) {
    for (const auto& [title, facts] : run.groups) {
      if (std::find(titles.begin(), titles.end(), title) == titles.end()) titles.push_back(title);
      for (const Fact& fact : facts)
        ++counts[{title, fact}];
    }
  }
  const auto is_common = [&](const std::string& title, const Fact& fact) {
    return details.runs.size() > 1 && counts.at({title, fact}) == details.runs.size();
  };
  Value list = Value::array();
  for (const RunCard& run : details.runs) {
    list.push_back({{"name", run.name},
                    {"state", run.state},
                    {"row", run.row},
                    {"groups", groups_json(run.groups, [&](const auto& title, const Fact& fact) {
                       return !is_common(title, fact);
                     })}});
  }
  const Value common =
      details.runs.empty() ? Value::object() : groups_json(details.runs[0].groups, is_common);
  return script_json({{"titles", titles}, {"common", common}, {"runs", list}});
}

struct Html final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Html(const Config&) {}

  bool wants_details() const override { return true; }

  std::string render(const Table& table, bool) const override {
    const Details& more = table.details;
    std::string links, body;
    const auto section = [&](const char* id, const char* title, const std::string& content) {
      links += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, title);
      body += fmt::format("<h2 id=\"{}\">{}</h2>\n", id, title) + content;
    };
    const auto all_of = [](const auto& parts) {
      std::string out;
      for (const auto& part : parts)
        out += html_of(part);
      return out;
    };
    section("comparison", "Comparison", table_of(table) + notes_of(table));
    if (!more.charts.empty() || !more.tradeoffs.empty() || !more.bars.empty() ||
        !more.stacks.empty())
      section("figures", "Figures", figures_of(more));
    if (!more.maps.empty()) section("maps", "Maps", all_of(more.maps));
    if (!more.sentences.sentences.empty())
      section("sentences", "Translations", html_of(more.sentences));
    if (!more.corpora.empty()) section("corpora", "Corpora", all_of(more.corpora));
    if (!more.runs.empty()) {
      section("all-runs", "Runs",
              "<p class=\"tools\" hidden><label>Find runs <input id=\"find\" type=\"search\" "
              "placeholder=\"id, setting, host\"></label> <span id=\"found\" "
              "role=\"status\"></span></p><div id=\"runs\"></div>\n");
    }
    const std::string title = html_escaped(table.title);
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
           "name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
           title + "</title>\n<style>" + kPageStyle +
           "</style></head>\n<body><a class=\"skip\" href=\"#comparison\">Skip to the "
           "comparison</a>\n<header><h1>" +
           title + "</h1>" + facts_of(more) + "<nav aria-label=\"Sections\"><ul>" + links +
           "</ul></nav></header>\n<main>\n" + body +
           "</main>\n<script type=\"application/json\" id=\"runs-data\">" + runs_data(more) +
           "</script>\n<script>" + kPageScript + "</script>\n</body></html>\n";
  }
};

XP_REGISTER(Renderer, Html, "html", "one self-contained page with figures and every run's origin");

}  // namespace
}  // namespace xp
