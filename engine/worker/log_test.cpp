// What a rank logs is what the launcher reads.
#include "engine/worker/log.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/launch/rank_log.h"

#include <catch2/catch_test_macros.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// What `act` writes to standard error.
template <class Act>
std::string written_by(Act&& act) {
  const TempFolder folder;
  const fs::path path = folder.path() / "log";
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO);
  FILE* file = std::fopen(path.c_str(), "w");
  ::dup2(::fileno(file), STDERR_FILENO);
  act();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  std::fclose(file);
  return read_file(path);
}

// Puts the default logger back.
struct LogTest {
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  ~LogTest() { spdlog::set_default_logger(before); }
};

}  // namespace

TEST_CASE_METHOD(LogTest, "a rank's lines have time, level and rank, and the launcher reads them") {
  const std::string text = written_by([] {
    start_log(12);
    spdlog::info("update {}", 40);
    log_failure("no space left\non the disk");
  });
  const auto lines = split(trim(text), '\n');
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].substr(23) == " info rank 12: update 40");
  CHECK(message_of_log_line(lines[0]) == "update 40");
  CHECK(lines[1].substr(23) == " error rank 12: no space left on the disk");
  CHECK(message_of_log_line(lines[1]) == "no space left on the disk");
}

TEST_CASE_METHOD(LogTest, "a process that is no rank names the program") {
  CHECK(written_by([] { log_failure("no plug-in"); }) == "xp-engine: no plug-in\n");
}
