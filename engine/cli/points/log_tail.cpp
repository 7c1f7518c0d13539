// Plain calls: what is needed is a descriptor's inode and reads at an offset.
#include "engine/cli/points/log_tail.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace xp {
namespace {

constexpr int64_t kPiece = 64 << 10;

struct stat about(int descriptor) {
  struct stat out {};
  if (::fstat(descriptor, &out) != 0) out = {};
  return out;
}

// From `offset` to the end; `offset` is moved there.
std::string rest_of(int descriptor, int64_t& offset) {
  std::string out;
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t got = ::pread(descriptor, piece.data(), piece.size(), offset);
    if (got <= 0) return out;
    out.append(piece, 0, static_cast<size_t>(got));
    offset += got;
  }
}

// Where the last `count` lines begin; a last line without its end counts.
int64_t tail_offset(int descriptor, int64_t size, size_t count) {
  std::string piece(kPiece, '\0');
  size_t seen = 0;
  for (int64_t end = size; end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - kPiece);
    const ssize_t got = ::pread(descriptor, piece.data(), static_cast<size_t>(end - begin), begin);
    for (int64_t i = got - 1; i >= 0; --i) {
      const bool is_last_byte = begin + i == size - 1;
      if (piece[static_cast<size_t>(i)] == '\n' && !is_last_byte && ++seen == count)
        return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}

}  // namespace

std::string last_lines(const fs::path& path, size_t count) {
  return LogFollower(path, count).poll();
}

LogFollower::~LogFollower() {
  close();
}

void LogFollower::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::string LogFollower::poll() {
  const int now = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (now < 0) return "";
  const struct stat found = about(now);
  std::string out;
  if (descriptor_ < 0) {
    offset_ = lines_ == 0 ? found.st_size : tail_offset(now, found.st_size, lines_);
  } else if (found.st_ino != inode_) {
    out = rest_of(descriptor_, offset_);
    offset_ = 0;
  } else if (found.st_size < offset_) {
    offset_ = 0;
  }
  close();
  descriptor_ = now;
  inode_ = found.st_ino;
  return out + rest_of(now, offset_);
}

}  // namespace xp
