// Closed standard descriptors, and standard error on a full disk.
#include "engine/base/standard_streams.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// The exit code of a process that writes on standard error, a device that is always full.
int speak_into_a_full_disk(bool tolerates) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/full", O_WRONLY), STDERR_FILENO);
    if (tolerates) xp::tolerate_full_standard_error();
    try {
      fmt::print(stderr, "{} words\n", 2);
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("standard error on a full disk raises nothing") {
  CHECK(speak_into_a_full_disk(/*tolerates=*/false) == 1);
  CHECK(speak_into_a_full_disk(/*tolerates=*/true) == 0);
}

TEST_CASE("a file opened after a start without standard descriptors is none of them") {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::close(descriptor);
    xp::open_standard_descriptors();
    const int file = ::open("/dev/null", O_RDONLY);
    const bool takes_words =
        ::write(STDOUT_FILENO, "x", 1) == 1 && ::write(STDERR_FILENO, "x", 1) == 1;
    ::_exit(file > STDERR_FILENO && takes_words ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}
