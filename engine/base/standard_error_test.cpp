// What a full disk does to words on standard error.
#include "engine/base/standard_error.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// The exit code of a process that writes on standard error, a device that is always full.
int speak_into_a_full_disk(bool forgives) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/full", O_WRONLY), STDERR_FILENO);
    if (forgives) xp::forgive_standard_error();
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

TEST_CASE("words that a full disk does not take end nothing") {
  CHECK(speak_into_a_full_disk(/*forgives=*/false) == 1);
  CHECK(speak_into_a_full_disk(/*forgives=*/true) == 0);
}
