// Lines of a rank's log.
#include "engine/launch/rank_log.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("the message of a log line is what follows time, level and rank") {
  CHECK(message_of_log_line("2026-11-29 06:31:00.123 error rank 3: no space left") ==
        "no space left");
  CHECK(message_of_log_line("2026-11-29 06:31:00.123 info rank 12: a: b") == "a: b");
}

TEST_CASE("a line of another format is its own message") {
  for (const char* line :
       {"", "no space left", "2026-11-29 06:31:00.123", "2026-11-29 06:31:00.123 error rank x: y",
        "2026-11-29 06:31:00,123 error rank 1: y", "2026-11-29 06:31:00.123 error rank 1 y"})
    CHECK(message_of_log_line(line) == line);
}
