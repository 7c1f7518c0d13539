// The log of a rank: its file, and the format of its lines, for the worker that writes them and the
// launcher that reports the last one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace xp {

/// FOLDER/rank-3.log.
std::filesystem::path rank_log_file(const std::filesystem::path& folder, int64_t rank);

/// spdlog's pattern, in two parts around the rank: "2026-11-29 06:31:00.123 error rank 3: ...".
inline constexpr const char* kRankLogPattern[] = {"%Y-%m-%d %H:%M:%S.%e %l rank ", ": %v"};

/// The message of a line of that format; a line of another format as it is.
std::string_view message_of_log_line(std::string_view line);

}  // namespace xp
