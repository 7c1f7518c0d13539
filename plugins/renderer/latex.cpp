// The table as a LaTeX tabular with booktabs' rules, to be \input into a paper.
#include "engine/base/text.h"
#include "registry/renderer.h"

#include <algorithm>
#include <array>

namespace xp {
namespace {

/// A piece of text and what LaTeX calls it.
struct Escape {
  std::string_view text, latex;
};

// The specials of TeX, and characters beyond Latin that pdflatex has in its mathematics only.
constexpr std::array kEscapes = {Escape{"\\", "\\textbackslash{}"},
                                 Escape{"{", "\\{"},
                                 Escape{"}", "\\}"},
                                 Escape{"$", "\\$"},
                                 Escape{"&", "\\&"},
                                 Escape{"%", "\\%"},
                                 Escape{"#", "\\#"},
                                 Escape{"_", "\\_"},
                                 Escape{"~", "\\textasciitilde{}"},
                                 Escape{"^", "\\textasciicircum{}"},
                                 Escape{"<", "\\textless{}"},
                                 Escape{">", "\\textgreater{}"},
                                 Escape{"|", "\\textbar{}"},
                                 Escape{"\"", "''"},
                                 Escape{"--", "-{}-"},
                                 Escape{"\n", " "},
                                 Escape{"±", "$\\pm$"},
                                 Escape{"×", "$\\times$"},
                                 Escape{"–", "--"},
                                 Escape{"—", "---"},
                                 Escape{"†", "$\\dagger$"},
                                 Escape{"≤", "$\\leq$"},
                                 Escape{"≥", "$\\geq$"},
                                 Escape{"→", "$\\rightarrow$"},
                                 Escape{"α", "$\\alpha$"},
                                 Escape{"β", "$\\beta$"},
                                 Escape{"γ", "$\\gamma$"},
                                 Escape{"δ", "$\\delta$"},
                                 Escape{"Δ", "$\\Delta$"},
                                 Escape{"ε", "$\\varepsilon$"},
                                 Escape{"λ", "$\\lambda$"},
                                 Escape{"μ", "$\\mu$"},
                                 Escape{"σ", "$\\sigma$"},
                                 Escape{"τ", "$\\tau$"},
                                 Escape{"“", "``"},
                                 Escape{"”", "''"},
                                 Escape{"‘", "`"},
                                 Escape{"’", "'"},
                                 Escape{"…", "\\ldots{}"},
                                 Escape{"≈", "$\\approx$"},
                                 Escape{"∞", "$\\infty$"},
                                 Escape{"η", "$\\eta$"},
                                 Escape{"θ", "$\\theta$"},
                                 Escape{"π", "$\\pi$"},
                                 Escape{"ρ", "$\\rho$"},
                                 Escape{"φ", "$\\varphi$"},
                                 Escape{"ω", "$\\omega$"}};

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto found = std::find_if(kEscapes.begin(), kEscapes.end(), [&](const Escape& escape) {
      return text.starts_with(escape.text);
    });
    const size_t size = found == kEscapes.end() ? 1 : found->text.size();
    out += found == kEscapes.end() ? text.substr(0, 1) : found->latex;
    text.remove_prefix(size);
  }
  return out;
}

// A comment ends with its line, whatever is in it.
std::string comment(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  return "% " + text + "\n";
}

// Whether it has letters that pdflatex refuses: all beyond Latin, once the known ones are escaped.
bool needs_unicode_fonts(const std::string& latex) {
  constexpr unsigned char kLastLatin = 0xC5;  // leads U+0140 to U+017F in UTF-8
  return std::any_of(latex.begin(), latex.end(),
                     [](const char c) { return static_cast<unsigned char>(c) > kLastLatin; });
}

std::string signed_text(const Column& column, double difference) {
  return column.is_relative ? fmt::format("{:+.1f}\\%", 100 * difference)
                            : fmt::format("{:+.{}f}", difference, column.decimals);
}

std::string value_text(const Column& column, const Cell& cell) {
  if (!cell.is_number) return cell.text.empty() ? "--" : escaped(cell.text);
  std::string out = number_text(column, cell.value);
  if (cell.is_best) out = "\\textbf{" + out + "}";
  if (cell.is_tied) out = "\\underline{" + out + "}";
  if (cell.is_disturbed) out += "?";
  if (cell.count > 1)
    out += fmt::format(" {{\\scriptsize$\\pm$ {} ({})}}", number_text(column, cell.spread),
                       cell.count);
  return out;
}

std::string difference_text(const Column& column, const Cell& cell) {
  if (!cell.has_difference) return "";
  return "$" + signed_text(column, cell.difference) + "$" +
         (cell.is_significant ? "$^{\\dagger}$" : "");
}

bool has_differences(const Table& table, size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [&](const auto& row) { return row[column].has_difference; });
}

std::string line_of(const std::vector<std::string>& cells) {
  return join(cells, " & ") + " \\\\\n";
}

struct Latex final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Latex(const Config&) {}

  std::string render(const Table& table, bool) const override {
    std::string alignment;
    std::vector<std::string> heads;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      alignment += column.is_number ? "r" : "l";
      heads.push_back(escaped(head_text(column)));
      if (!has_differences(table, i)) continue;
      alignment += "r";
      heads.emplace_back("$\\Delta$");
    }
    std::string body =
        "\\begin{tabular}{@{}" + alignment + "@{}}\n\\toprule\n" + line_of(heads) + "\\midrule\n";
    for (const auto& row : table.rows) {
      std::vector<std::string> cells;
      for (size_t i = 0; i < row.size(); ++i) {
        cells.push_back(value_text(table.columns[i], row[i]));
        if (has_differences(table, i)) cells.push_back(difference_text(table.columns[i], row[i]));
      }
      body += line_of(cells);
    }
    body += "\\bottomrule\n\\end{tabular}\n";
    std::string out = comment(table.title) + comment("\\usepackage{booktabs}");
    if (needs_unicode_fonts(body))
      out += comment("needs xelatex or lualatex and a font that has all of its letters");
    out += body;
    if (!table.baseline.empty()) out += comment("differences to " + table.baseline);
    for (const auto& note : table.notes)
      out += comment(note);
    return out;
  }
};

XP_REGISTER(Renderer, Latex, "latex", "a LaTeX tabular with booktabs' rules");

}  // namespace
}  // namespace xp
