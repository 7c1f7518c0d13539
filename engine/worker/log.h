// The log of a rank: its standard error, which the launcher sends to attempts/K/rank-R.log. Written
// through spdlog's default logger, by any thread.
#pragma once

#include <cstdint>
#include <string>

namespace xp {

/// From now on this process logs as rank `rank`, in the format of engine/launch/rank_log.h. A line
/// is written at once: a kill loses none.
void start_log(int64_t rank);

/// Says why the process ends: in the rank's log, or, before start_log, as "xp-engine: MESSAGE" on
/// standard error. In one line, since the launcher reports the last one.
void log_failure(std::string message);

}  // namespace xp
