// The table as GitHub Markdown, for READMEs and issues.
#include "engine/base/text.h"
#include "registry/renderer.h"

#include <algorithm>

namespace xp {
namespace {

// A cell's text must not end the cell, nor be read as markup.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '`' || c == '<' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string cell_text(const Column& column, const Cell& cell) {
  if (!cell.is_number) return cell.text.empty() ? "–" : escaped(cell.text);
  std::string out = number_text(column, cell.value);
  if (cell.is_best) out = "**" + out + "**";
  if (cell.is_tied) out = "<u>" + out + "</u>";
  if (cell.is_disturbed) out += "?";
  if (cell.count > 1)
    out += fmt::format(" ± {} ({})", number_text(column, cell.spread), cell.count);
  if (!cell.has_difference) return out;
  out += column.is_relative ? fmt::format(" ({:+.1f}%)", 100 * cell.difference)
                            : fmt::format(" ({:+.{}f})", cell.difference, column.decimals);
  return out + (cell.is_significant ? "†" : "");
}

std::string line_of(const std::vector<std::string>& cells) {
  return "| " + join(cells, " | ") + " |\n";
}

struct Markdown final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Markdown(const Config&) {}

  std::string render(const Table& table, bool) const override {
    std::vector<std::string> heads, rules;
    for (const Column& column : table.columns) {
      heads.push_back(escaped(head_text(column)));
      rules.emplace_back(column.is_number ? "--:" : ":--");
    }
    std::string out = "**" + escaped(table.title) + "**\n\n" + line_of(heads) + line_of(rules);
    for (const auto& row : table.rows) {
      std::vector<std::string> cells;
      for (size_t i = 0; i < row.size(); ++i)
        cells.push_back(cell_text(table.columns[i], row[i]));
      out += line_of(cells);
    }
    if (!table.baseline.empty()) out += "\nDifferences are to " + escaped(table.baseline) + ".\n";
    for (const auto& note : table.notes)
      out += "\n" + escaped(note) + "\n";
    return out;
  }
};

XP_REGISTER(Renderer, Markdown, "markdown", "a GitHub Markdown table");

}  // namespace
}  // namespace xp
