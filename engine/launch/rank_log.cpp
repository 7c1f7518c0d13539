// Takes a line of a rank's log apart.
#include "engine/launch/rank_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Removes what `is_part` accepts from the beginning; false if that is nothing or more than `max`.
template <class IsPart>
bool skip(std::string_view& line, size_t max, IsPart&& is_part) {
  const auto end = std::find_if_not(line.begin(), line.end(), is_part);
  const auto length = static_cast<size_t>(end - line.begin());
  line.remove_prefix(length);
  return length > 0 && length <= max;
}

bool skip(std::string_view& line, std::string_view text) {
  if (!line.starts_with(text)) return false;
  line.remove_prefix(text.size());
  return true;
}

// "2026-11-29": digits where the shape has a 0, else the character itself.
bool skip_shape(std::string_view& line, std::string_view shape) {
  if (line.size() < shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '0' ? !is_digit(line[i]) : line[i] != shape[i]) return false;
  }
  line.remove_prefix(shape.size());
  return true;
}

}  // namespace

std::filesystem::path rank_log_file(const std::filesystem::path& folder, int64_t rank) {
  return folder / fmt::format("rank-{}.log", rank);
}

std::string_view message_of_log_line(std::string_view line) {
  std::string_view rest = line;
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const bool fits = skip_shape(rest, "0000-00-00 00:00:00.000 ") && skip(rest, 8, is_letter) &&
                    skip(rest, " rank ") && skip(rest, 9, is_digit) && skip(rest, ": ");
  return fits ? rest : line;
}

}  // namespace xp
