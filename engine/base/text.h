// Words and figures: splitting, the nearest name, human sizes and durations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
bool is_valid_utf8(std::string_view text);

/// Columns the text takes on a terminal (wide and zero-width characters counted as terminals do).
size_t display_width(std::string_view utf8);

/// Edit distance with transpositions.
size_t edit_distance(std::string_view a, std::string_view b);

/// The one name clearly near to `word` (distance <= max(1, length / 3), no other as near), or "".
std::string nearest(std::string_view word, std::span<const std::string> names);

/// "no router named 'topp2', did you mean 'top2'? known: top1, top2".
std::string unknown_name(std::string_view kind, std::string_view name,
                         const std::vector<std::string>& known);

std::string human_bytes(double bytes);       ///< "25.1 MB" (powers of 1000), "512 B"
std::string human_count(double count);       ///< "41.2k", "1.3M", "2.0T", "812"
std::string human_duration(double seconds);  ///< "0.4 s", "12 s", "2 min 05 s", "2 h 14 min"

}  // namespace xp
