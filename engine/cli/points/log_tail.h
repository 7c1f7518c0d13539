// The last lines of a log, and what is appended to it.
#pragma once

#include "engine/base/file.h"

#include <string>

namespace xp {

/// The last `count` lines; "" if there is no file. Cost: about their length.
std::string last_lines(const fs::path& path, size_t count);

/// Follows a log that grows. Each poll opens the file again, so that network file systems ask their
/// server. A file that was replaced (rotated) is read to its end, then the new one from its start;
/// one that became shorter is read from its start.
class LogFollower {
 public:
  /// Starts with the last `lines` lines.
  LogFollower(fs::path path, size_t lines) : path_(std::move(path)), lines_(lines) {}
  ~LogFollower();
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  const fs::path& path() const { return path_; }
  /// What was appended since the last call; "" if nothing was, or there is no file.
  std::string poll();

 private:
  void close();

  fs::path path_;
  size_t lines_;
  int descriptor_ = -1;  ///< of the last poll, so that a replaced file can be read to its end
  uint64_t inode_ = 0;
  int64_t offset_ = 0;
};

}  // namespace xp
