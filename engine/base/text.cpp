// Names, texts and figures for people; Unicode through ICU.
#include "engine/base/text.h"

#include "engine/base/to_integer.h"
#include "engine/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Columns on a terminal: none for control, format and combining characters and for the vowels and
// finals that complete a Hangul syllable, two for what East Asian text sets wide.
size_t width_of(uint32_t point) {
  constexpr uint32_t kSoftHyphen = 0xAD;  // a format character that terminals show
  if (point >= kBrokenByte || point == kSoftHyphen) return 1;
  const auto character = static_cast<UChar32>(point);
  const auto mask = U_GET_GC_MASK(character);
  if ((mask & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_MN_MASK | U_GC_ME_MASK)) != 0) return 0;
  const auto syllable = u_getIntPropertyValue(character, UCHAR_HANGUL_SYLLABLE_TYPE);
  if (syllable == U_HST_VOWEL_JAMO || syllable == U_HST_TRAILING_JAMO) return 0;
  const auto east_asian = u_getIntPropertyValue(character, UCHAR_EAST_ASIAN_WIDTH);
  return east_asian == U_EA_WIDE || east_asian == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != separator) continue;
    parts.emplace_back(text.substr(start, i - start));
    start = i + 1;
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (next_code_point(text, at) >= kBrokenByte) return false;
  return true;
}

size_t display_width(std::string_view utf8) {
  size_t width = 0;
  for (size_t at = 0; at < utf8.size();)
    width += width_of(next_code_point(utf8, at));
  return width;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> names) {
  const size_t limit = std::max<size_t>(1, word.size() / 3);
  size_t best = limit + 1;
  std::string found;
  bool unique = false;
  for (const auto& name : names) {
    const size_t distance = edit_distance(word, name);
    if (distance < best) {
      best = distance;
      found = name;
      unique = true;
    } else if (distance == best && name != found) {
      unique = false;
    }
  }
  return unique ? found : "";
}

std::string unknown_name(std::string_view kind, std::string_view name,
                         const std::vector<std::string>& known) {
  const std::string near = nearest(name, known);
  const std::string hint = near.empty() ? ";" : fmt::format(", did you mean '{}'?", near);
  return fmt::format("no {} named '{}'{} known: {}", kind, name, hint, join(known, ", "));
}

std::string human_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  while (std::abs(bytes) >= 999.95 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string human_count(double count) {
  if (std::abs(count) < 1000) return fmt::format("{:.0f}", count);
  if (std::abs(count) < 999950) return fmt::format("{:.1f}k", count / 1e3);
  if (std::abs(count) < 999.95e6) return fmt::format("{:.1f}M", count / 1e6);
  if (std::abs(count) < 999.95e9) return fmt::format("{:.1f}G", count / 1e9);
  return fmt::format("{:.1f}T", count / 1e12);
}

std::string human_duration(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = to_nearest_integer(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace xp
