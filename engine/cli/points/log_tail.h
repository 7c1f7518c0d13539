// The end of a log, and what is added to it while somebody looks.
#pragma once

#include "engine/base/file.h"

#include <string>

namespace xp {

/// The last `count` lines, whole; "" where there is no file. Cost: about their length.
std::string last_lines(const fs::path& path, size_t count);

/// A log that grows. Each look opens the file anew, so that network file systems ask their server;
/// a file that was replaced (rotated) is read to its end, and then the new one from its start, as
/// is one that became shorter.
class LogFollower {
 public:
  /// Begins with the last `lines` lines.
  LogFollower(fs::path path, size_t lines) : path_(std::move(path)), lines_(lines) {}
  ~LogFollower();
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  const fs::path& path() const { return path_; }
  /// What is new; "" where nothing is, or no file.
  std::string look();

 private:
  void close();

  fs::path path_;
  size_t lines_;
  int descriptor_ = -1;  ///< of the last look, so that a replaced file can be read to its end
  uint64_t inode_ = 0;
  int64_t offset_ = 0;
};

}  // namespace xp
