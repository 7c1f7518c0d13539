// Words and figures.
#include "engine/base/text.h"

#include "engine/base/to_integer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cwchar>

namespace xp {
namespace {

// Decodes one code point at `at`; returns its length, or 0 where the bytes are not UTF-8.
size_t decode(std::string_view text, size_t at, char32_t& point) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || at + length > text.size()) return 0;
  if (length == 1) {
    point = first;
    return 1;
  }
  point = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    point = (point << 6) | (byte(at + i) & 0x3Fu);
  }
  const char32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < least || surrogate || point > 0x10FFFF ? 0 : length;
}

size_t point_width(char32_t p) {
  if (p < 0x20 || (p >= 0x7F && p < 0xA0)) return 0;
  if ((p >= 0x300 && p <= 0x36F) || p == 0x200B || p == 0x200D || (p >= 0xFE00 && p <= 0xFE0F))
    return 0;
  const bool wide = (p >= 0x1100 && p <= 0x115F) || (p >= 0x2E80 && p <= 0xA4CF) ||
                    (p >= 0xAC00 && p <= 0xD7A3) || (p >= 0xF900 && p <= 0xFAFF) ||
                    (p >= 0xFE30 && p <= 0xFE6F) || (p >= 0xFF00 && p <= 0xFF60) ||
                    (p >= 0x1F300 && p <= 0x1FAFF) || (p >= 0x20000 && p <= 0x3FFFD);
  return wide ? 2 : 1;
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
  char32_t point = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t length = decode(text, i, point);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

size_t display_width(std::string_view utf8) {
  size_t width = 0;
  char32_t point = 0;
  for (size_t i = 0; i < utf8.size();) {
    const size_t length = decode(utf8, i, point);
    width += length == 0 ? 1 : point_width(point);
    i += std::max<size_t>(length, 1);
  }
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
