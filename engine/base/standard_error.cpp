// glibc lets `stderr` be another stream, one whose writes never fail.
#include "engine/base/standard_error.h"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace xp {
namespace {

ssize_t write_what_goes(void*, const char* text, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t written = ::write(STDERR_FILENO, text + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

void forgive_standard_error() {
  cookie_io_functions_t functions{};
  functions.write = write_what_goes;
  FILE* stream = ::fopencookie(nullptr, "w", functions);
  if (stream == nullptr) return;
  std::setvbuf(stream, nullptr, _IONBF, 0);
  stderr = stream;
}

}  // namespace xp
