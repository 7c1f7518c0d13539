// Progress of a download by another program: the growth of what it writes.
#pragma once

#include "engine/base/progress.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

namespace xp {

/// Shows how a file, or all files of a folder, grow towards `bytes` (0 = unknown) while it lives.
class Growth {
 public:
  Growth(const std::string& title, std::filesystem::path watched, uint64_t bytes);
  ~Growth();
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  /// Ends with a line that says how much came and how fast.
  void finish(uint64_t bytes);

 private:
  void end();
  Progress progress_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace xp
