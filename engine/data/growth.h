// Shows progress of work that reports none: of a program by the size of what it writes, of a
// library by what it was given.
#pragma once

#include "engine/base/progress.h"

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace xp {

/// Shows an amount as it grows while it lives.
class Growth {
 public:
  /// The size of a file, or of all files of a folder, towards `bytes` (0 = unknown).
  Growth(const std::string& title, std::filesystem::path watched, uint64_t bytes);

  /// What `amount` says, in `unit`, and for how long already. Thread: `amount` is called by
  /// another one.
  Growth(const std::string& title, const std::string& unit, std::function<int64_t()> amount);

  ~Growth();
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  /// Ends with a line that says how much it was and how fast.
  void finish(uint64_t amount, const std::string& note = "");

 private:
  void watch(const std::function<int64_t()>& amount, bool tells_time);
  void end();
  Progress progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace xp
