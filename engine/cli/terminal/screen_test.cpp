// Drawing on a terminal of the test's own.
#include "engine/cli/terminal/screen.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

// Reads what the other end wrote until it contains `end` or is closed.
std::string read_until(int descriptor, const std::string& end) {
  std::string out;
  char piece[256];
  while (out.find(end) == std::string::npos) {
    const ssize_t got = ::read(descriptor, piece, sizeof piece);
    if (got <= 0) break;
    out.append(piece, static_cast<size_t>(got));
  }
  return out;
}

TEST_CASE("a screen draws over what it drew, no more than fits, and q is heard without Enter") {
  const winsize size{.ws_row = 4, .ws_col = 5, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  std::fflush(stdout);  // or the child writes it too
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    Screen screen;
    screen.draw({"one", "twotwo", "three", "four"});
    const bool is_q = screen.wait(20);
    screen.draw({"x"});
    ::_exit(is_q ? 0 : 1);
  }
  CHECK(read_until(terminal, "\033[J") == "one\033[K\r\ntwotw\033[K\r\nthree\033[K\r\n\033[J");
  REQUIRE(::write(terminal, "q", 1) == 1);
  CHECK(read_until(terminal, "\033[J") == "\033[3A\rx\033[K\r\n\033[J");
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  CHECK(status == 0);
}

}  // namespace
}  // namespace xp
