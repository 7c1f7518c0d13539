// The table on a terminal: columns aligned at the decimal point, the best marked, differences
// beside their values.
#include "engine/base/text.h"
#include "registry/renderer.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kUnderlined = "\x1b[4m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kGap = "   ";

// Names and causes may hold what a terminal would obey.
std::string harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

/// A piece of text, its alignment and its look.
struct Piece {
  std::string text;
  bool right = false;
  std::string look;
};

/// One printed column: a column of the table, or the differences of one.
struct Strip {
  Piece header;
  std::vector<Piece> cells;
  bool joined = false;  ///< belongs to the strip before: a narrower gap
};

std::string difference(const Column& column, double value) {
  if (!column.is_relative) return fmt::format("{:+.{}f}", value, column.decimals);
  if (value >= 9.995) return fmt::format("x{:.0f}", value + 1);  // +2400 % is read worse than x25
  return fmt::format("{:+.1f}%", 100 * value);
}

std::string padded(const Piece& piece, size_t width, bool colour) {
  const std::string space(width - std::min(width, display_width(piece.text)), ' ');
  const std::string text =
      colour && !piece.look.empty() ? piece.look + piece.text + kPlain : piece.text;
  return piece.right ? space + text : text + space;
}

const char* look_of(Tone tone) {
  return tone == Tone::kBad ? kRed : tone == Tone::kActive ? kYellow : kDim;
}

const char* mark_of(const Cell& cell, bool colour) {
  if (cell.is_disturbed) return "?";
  if (colour) return " ";
  return cell.is_best ? "*" : cell.is_tied ? "~" : " ";
}

// The value, then spread and number of seeds if any row has more than one, then the mark.
Strip number_strip(const Table& table, size_t at, bool colour) {
  const Column& column = table.columns[at];
  int64_t most = 0;
  bool marks = false;
  for (const auto& row : table.rows) {
    most = std::max(most, row[at].count);
    marks |= ((row[at].is_best || row[at].is_tied) && !colour) || row[at].is_disturbed;
  }
  const std::string head = harmless(head_text(column));
  Strip out{{head + (marks ? " " : ""), true, kBold}, {}};
  for (const auto& row : table.rows) {
    const Cell& cell = row[at];
    if (!cell.is_number) {
      const bool missing = cell.text.empty();
      const std::string text = (missing ? "–" : harmless(cell.text)) + (marks ? " " : "");
      out.cells.push_back({text, true, look_of(cell.tone)});
      continue;
    }
    std::string text = number_text(column, cell.value);
    if (most > 1) {
      text += cell.count > 1
                  ? fmt::format(" ± {} ({})", number_text(column, cell.spread), cell.count)
                  : fmt::format("   {} (1)", std::string(number_text(column, 0).size(), ' '));
    }
    if (marks) text += mark_of(cell, colour);
    out.cells.push_back({text, true, cell.is_best ? kBold : cell.is_tied ? kUnderlined : ""});
  }
  return out;
}

Strip text_strip(const Table& table, size_t at) {
  const Column& column = table.columns[at];
  Strip out{{harmless(column.name), column.is_number, kBold}, {}};
  for (const auto& row : table.rows) {
    const bool missing = row[at].text.empty();
    out.cells.push_back(
        {missing ? "–" : harmless(row[at].text), column.is_number, missing ? kDim : ""});
  }
  return out;
}

Strip difference_strip(const Table& table, size_t at) {
  bool marks = false;
  for (const auto& row : table.rows)
    marks |= row[at].is_significant;
  Strip out{{marks ? "Δ " : "Δ", true, kDim}, {}, true};
  for (const auto& row : table.rows) {
    const Cell& cell = row[at];
    std::string text = cell.has_difference ? difference(table.columns[at], cell.difference) : "";
    if (marks) text += cell.is_significant ? "†" : " ";
    out.cells.push_back({std::move(text), true, kDim});
  }
  return out;
}

std::vector<Strip> strips_of(const Table& table, bool colour) {
  std::vector<Strip> out;
  for (size_t at = 0; at < table.columns.size(); ++at) {
    const auto any = [&](auto&& is) {
      return std::any_of(table.rows.begin(), table.rows.end(),
                         [&](const auto& row) { return is(row[at]); });
    };
    const bool measured = table.columns[at].is_measured;
    out.push_back(measured ? number_strip(table, at, colour) : text_strip(table, at));
    if (any([](const Cell& cell) { return cell.has_difference; }))
      out.push_back(difference_strip(table, at));
  }
  return out;
}

std::string line_of(const std::vector<Strip>& strips, const std::vector<size_t>& widths,
                    bool colour, int row) {
  std::string out;
  for (size_t i = 0; i < strips.size(); ++i) {
    if (i > 0) out += strips[i].joined ? "  " : kGap;
    const Piece& piece = row < 0 ? strips[i].header : strips[i].cells[static_cast<size_t>(row)];
    out += padded(piece, widths[i], colour);
  }
  const size_t last = out.find_last_not_of(' ');
  return out.substr(0, last + 1) + "\n";
}

// How to read the marks, for those that the table has.
std::string legend_of(const Table& table, bool colour) {
  bool best = false, tied = false, differences = false, significant = false;
  for (const auto& row : table.rows) {
    for (const Cell& cell : row) {
      best |= cell.is_best;
      tied |= cell.is_tied;
      significant |= cell.is_significant;
      differences |= cell.has_difference;
    }
  }
  std::vector<std::string> words;
  if (best) words.emplace_back(colour ? "bold: best" : "* best");
  if (tied) words.emplace_back(colour ? "underlined: may be as good" : "~ may be as good");
  if (differences) words.push_back("Δ to " + harmless(table.baseline));
  if (significant) words.emplace_back("† significant");
  return join(words, "   ");
}

struct Terminal final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Terminal(const Config&) {}

  std::string render(const Table& table, bool colour) const override {
    const auto strips = strips_of(table, colour);
    std::vector<size_t> widths;
    size_t total = 0;
    for (const Strip& strip : strips) {
      size_t width = display_width(strip.header.text);
      for (const Piece& cell : strip.cells)
        width = std::max(width, display_width(cell.text));
      total += width + (widths.empty() ? 0 : strip.joined ? 2 : 3);
      widths.push_back(width);
    }
    const auto styled = [&](const std::string& text, const char* look) {
      return colour ? look + text + kPlain : text;
    };
    std::string rule;
    for (size_t i = 0; i < total; ++i)
      rule += "─";
    std::string out = styled(harmless(table.title), kBold) + "\n\n";
    out += line_of(strips, widths, colour, -1) + styled(rule, kDim) + "\n";
    for (size_t row = 0; row < table.rows.size(); ++row)
      out += line_of(strips, widths, colour, static_cast<int>(row));
    if (const auto legend = legend_of(table, colour); !legend.empty())
      out += "\n" + styled(legend, kDim) + "\n";
    if (!table.notes.empty() || !table.hints.empty()) out += "\n";
    for (const auto* some : {&table.notes, &table.hints})
      for (const auto& note : *some)
        out += harmless(note) + "\n";
    return out;
  }
};

XP_REGISTER(Renderer, Terminal, "table", "columns for a terminal");

}  // namespace
}  // namespace xp
