// LaTeX to the letter, and through a real pdflatex if there is one.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "registry/renderer.h"

#include <catch2/catch_test_macros.hpp>

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
  out.count = 3;
  out.spread = 0.25;
  return out;
}

Table specials() {
  Table out;
  out.title = "100% of_{it}\nand more";
  out.baseline = "a_b & c";
  out.columns = {{.name = "α_β", .unit = "", .key = "model"},
                 {.name = "BLEU", .unit = "", .is_number = true, .key = "b", .is_measured = true},
                 {.name = "bytes",
                  .unit = "MB/step",
                  .is_number = true,
                  .key = "bytes",
                  .scale = 1e6,
                  .decimals = 1,
                  .is_relative = true,
                  .is_measured = true}};
  Cell best = number(20.5), tied = number(20.25), bytes = number(7.5e6);
  best.is_best = tied.is_tied = tied.has_difference = tied.is_significant = true;
  tied.difference = -0.25;
  bytes.has_difference = true;
  bytes.difference = 0.5;
  out.rows = {{text("a_b & c"), best, number(5e6)},
              {text("é~^\\{}$#%<>|\"--ü × ≤"), tied, bytes},
              {text(""), text("not run"), text("")}};
  out.notes = {"mean ± standard deviation"};
  out.hints = {"next: xp run q.toml"};
  return out;
}

std::string latex(const Table& table) {
  return make_part<Renderer>({{"use", "latex"}})->render(table, false);
}

TEST_CASE("LaTeX has booktabs' rules, escapes specials and marks cells") {
  CHECK(latex(specials()) ==
        R"(% 100% of_{it} and more
% \usepackage{booktabs}
\begin{tabular}{@{}lrrrr@{}}
\toprule
$\alpha$\_$\beta$ & BLEU & $\Delta$ & bytes MB/step & $\Delta$ \\
\midrule
a\_b \& c & \textbf{20.50} {\scriptsize$\pm$ 0.25 (3)} &  & 5.0 {\scriptsize$\pm$ 0.0 (3)} &  \\
é\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\$\#\%)"
        R"(\textless{}\textgreater{}\textbar{}''-{}-ü $\times$ $\leq$)"
        R"( & \underline{20.25} {\scriptsize$\pm$ 0.25 (3)} & $-0.25$$^{\dagger}$ &)"
        R"( 7.5 {\scriptsize$\pm$ 0.0 (3)} & $+50.0\%$ \\
-- & not run &  & -- &  \\
\bottomrule
\end{tabular}
% differences to a_b & c
% mean ± standard deviation
)");
}

TEST_CASE("a table with letters beyond Latin says which LaTeX it needs") {
  Table table = specials();
  CHECK(latex(table).find("xelatex") == std::string::npos);
  table.rows[0][0] = text("模型");
  CHECK(latex(table).find("% needs xelatex or lualatex and a font that has all of its letters\n"
                          "\\begin{tabular}") != std::string::npos);
}

TEST_CASE("pdflatex takes the table", "[slow]") {
  const std::string program = find_program("pdflatex");
  if (program.empty()) SKIP("no pdflatex on this machine");
  if (run_program({"kpsewhich", "booktabs.sty"}).exit_code != 0) SKIP("pdflatex has no booktabs");
  const TempFolder folder;
  write_atomic(folder.path() / "table.tex", latex(specials()));
  write_atomic(folder.path() / "paper.tex",
               "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
               "\\input{table}\n\\end{document}\n");
  const Finished ended = run_program(
      {program, "-halt-on-error", "-interaction=nonstopmode", "paper.tex"}, folder.path());
  INFO(ended.output);
  CHECK(ended.exit_code == 0);
  CHECK(fs::file_size(folder.path() / "paper.pdf") > 1000);
}

}  // namespace
}  // namespace xp
