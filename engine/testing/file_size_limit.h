// A disk that is full, for tests: files of this process cannot grow beyond a size.
#pragma once

#include <csignal>
#include <cstdint>
#include <sys/resource.h>

namespace xp {

/// While it lives, writing beyond `bytes` of any file fails with EFBIG, as it would with ENOSPC on
/// a full disk. Needs no rights and no file system of its own.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace xp
