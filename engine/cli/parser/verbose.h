// `--verbose`: what xp does and how long it takes, on standard error.
#pragma once

#include <chrono>
#include <string>

namespace xp {

/// Shows messages of spdlog at level debug and above. Without it only warnings are shown.
void enable_verbose();

/// Logs a stage of the work and its duration when it ends, at level debug.
class Stage {
 public:
  explicit Stage(std::string name) : name_(std::move(name)) {}
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

 private:
  std::string name_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace xp
