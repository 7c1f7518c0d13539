// Compares word by word.
#include "engine/cli/commands/report_files.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/text.h"

#include <algorithm>
#include <map>

namespace xp {
namespace {

constexpr size_t kMaxDifferences = 20;

const std::map<std::string, std::string> kFormats = {{".tex", "latex"}, {".md", "markdown"},
                                                     {".csv", "csv"},   {".json", "json"},
                                                     {".html", "html"}, {".txt", "table"}};

// Numbers with their signs, runs of other characters that are no space.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> out;
  bool open = false;
  for (const char c : line) {
    const bool cuts = c == ' ' || c == '\t' || c == ',' || c == '|' || c == '&' || c == '{' ||
                      c == '}' || c == '$' || c == '\r';
    if (!cuts && !open) out.emplace_back();
    if (!cuts) out.back() += c;
    open = !cuts;
  }
  return out;
}

}  // namespace

std::string format_of(const std::filesystem::path& file) {
  const auto found = kFormats.find(file.extension().string());
  if (found != kFormats.end()) return found->second;
  std::vector<std::string> endings;
  for (const auto& [ending, format] : kFormats)
    endings.push_back(ending);
  user_error("'{}' must end in one of {} to be a report", file.string(), join(endings, " "));
}

Table kept_table(Table table) {
  table.hints.clear();
  return table;
}

std::vector<std::string> differences(const std::filesystem::path& file,
                                     const std::string& expected) {
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    return {fmt::format("'{}' does not exist", file.string())};
  const auto have = split(read_file(file), '\n'), want = split(expected, '\n');
  std::vector<std::string> out;
  for (size_t line = 0; line < std::min(have.size(), want.size()); ++line) {
    if (have[line] == want[line]) continue;
    const auto ours = words_of(have[line]), theirs = words_of(want[line]);
    const std::string place = fmt::format("{}:{}: ", file.string(), line + 1);
    if (ours.size() != theirs.size()) {
      out.push_back(fmt::format("{}has '{}', the store gives '{}'", place, trim(have[line]),
                                trim(want[line])));
      continue;
    }
    for (size_t i = 0; i < ours.size(); ++i) {
      if (ours[i] != theirs[i])
        out.push_back(fmt::format("{}has '{}', the store gives '{}'", place, ours[i], theirs[i]));
    }
    if (ours == theirs) out.push_back(place + "differs in layout");
  }
  if (have.size() != want.size()) {
    out.push_back(fmt::format("{} has {} lines, the store gives {}", file.string(), have.size() - 1,
                              want.size() - 1));
  }
  if (out.size() > kMaxDifferences) {
    const size_t more = out.size() - kMaxDifferences;
    out.resize(kMaxDifferences);
    out.push_back(fmt::format("and {} more", more));
  }
  return out;
}

}  // namespace xp
