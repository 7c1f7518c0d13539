// spdlog's default logger with a sink of ours.
#include "engine/cli/parser/verbose.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace xp {

void enable_verbose() {
  auto logger =
      std::make_shared<spdlog::logger>("xp", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::debug);
  logger->set_pattern("%H:%M:%S.%e %v");
  spdlog::set_default_logger(std::move(logger));
}

Stage::~Stage() {
  const std::chrono::duration<double, std::milli> passed =
      std::chrono::steady_clock::now() - start_;
  spdlog::debug("{}: {:.1f} ms", name_, passed.count());
}

}  // namespace xp
