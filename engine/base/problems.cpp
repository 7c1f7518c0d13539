// Prints findings the way compilers do.
#include "engine/base/problems.h"

#include <algorithm>
#include <tuple>

namespace xp {
namespace {

std::string line_of(const std::string& text, int line) {
  size_t start = 0;
  for (int i = 1; i < line; ++i) {
    start = text.find('\n', start);
    if (start == std::string::npos) return "";
    ++start;
  }
  std::string out = text.substr(start, text.find('\n', start) - start);
  std::replace(out.begin(), out.end(), '\t', ' ');
  if (!out.empty() && out.back() == '\r') out.pop_back();
  return out;
}

// Where the n-th character of a line begins, or its end.
size_t begin_of(const std::string& line, size_t n) {
  size_t at = 0;
  for (; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xc0) != 0x80;
    if (begins && n-- == 0) return at;
  }
  return at;
}

// The source line and the carets below it; of a long line what is around them.
std::string excerpt(const std::string& line, const Place& at) {
  constexpr size_t kWidest = 160;
  const size_t column = static_cast<size_t>(std::max(1, at.column)) - 1;
  const size_t start = column < kWidest ? 0 : column - kWidest / 2;
  const size_t from = begin_of(line, start), to = begin_of(line, start + kWidest);
  const size_t width = static_cast<size_t>(std::max(1, at.end_column - at.column));
  return fmt::format("  {}\n  {}{}\n", line.substr(from, to - from),
                     std::string(column - start, ' '),
                     std::string(std::min(width, start + kWidest - column), '^'));
}

auto key(const Problem& p) {
  return std::tie(p.place.file, p.place.line, p.place.column, p.code, p.message);
}

}  // namespace

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> out = found_;
  std::stable_sort(out.begin(), out.end(),
                   [](const Problem& a, const Problem& b) { return key(a) < key(b); });
  const auto same = [](const Problem& a, const Problem& b) { return key(a) == key(b); };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

std::string Problems::text() const {
  std::string out;
  const auto all = sorted();
  for (const auto& problem : all) {
    const Place& at = problem.place;
    if (!at.file.empty()) out += at.file + ":";
    if (at.line > 0) out += fmt::format("{}:{}:", at.line, at.column);
    out += fmt::format("{}{} (code {})\n", out.empty() || out.back() == '\n' ? "" : " ",
                       problem.message, problem.code);
    const auto known = texts_.find(at.file);
    if (at.line > 0 && known != texts_.end()) out += excerpt(line_of(known->second, at.line), at);
    if (!problem.suggestion.empty())
      out += fmt::format("  did you mean '{}'?\n", problem.suggestion);
  }
  out +=
      fmt::format("{} error{}; nothing was run or written", all.size(), all.size() == 1 ? "" : "s");
  return out;
}

Value Problems::json() const {
  Value out = Value::array();
  for (const auto& problem : sorted()) {
    out.push_back(
        {{"file", problem.place.file},
         {"line", problem.place.line},
         {"column", problem.place.column},
         {"end_column", problem.place.end_column},
         {"code", problem.code},
         {"message", problem.message},
         {"suggestion", problem.suggestion.empty() ? Value() : Value(problem.suggestion)}});
  }
  return out;
}

void Problems::raise() const {
  if (!empty()) throw Error(Blame::kUser, text());
}

}  // namespace xp
