// spdlog's default logger, set up once for each process.
#include "engine/worker/log.h"

#include "engine/launch/rank_log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kName = "rank";

}  // namespace

void start_log(int64_t rank) {
  const auto logger =
      std::make_shared<spdlog::logger>(kName, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(fmt::format("{}{}{}", kRankLogPattern[0], rank, kRankLogPattern[1]));
  spdlog::set_default_logger(logger);
}

void log_failure(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  if (spdlog::default_logger_raw()->name() == kName)
    spdlog::error(message);
  else
    fmt::print(stderr, "xp-engine: {}\n", message);
}

}  // namespace xp
