// Progress as a terminal and a log show it.
#include "engine/base/progress.h"

#include <catch2/catch_test_macros.hpp>

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

// What `work` writes on a terminal of so many columns.
template <class Work>
std::string on_terminal(unsigned short columns, Work&& work) {
  const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  std::fflush(stdout);
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  std::string out;
  char piece[256];
  for (ssize_t got = 0; (got = ::read(terminal, piece, sizeof piece)) > 0;)
    out.append(piece, static_cast<size_t>(got));
  ::waitpid(child, nullptr, 0);
  ::close(terminal);
  return out;
}

TEST_CASE("a bar is cut to the width of the terminal") {
  const std::string out = on_terminal(30, [] {
    Progress progress("training a long name", 100, "updates", Progress::Style::kBar);
    progress.update(50, "loss 4.21");
  });
  CHECK(out == "\r\033[Ktraining a long name  [######\r\033[K");
}

TEST_CASE("work that was done before has no rate") {
  const std::string out = on_terminal(80, [] {
    Progress progress("reading", 0, "pairs", Progress::Style::kLines);
    progress.update(13'500'000);
    progress.finish();
  });
  CHECK(out.find("/s") == std::string::npos);
  CHECK(out.find("reading: 13.5M pairs in 0.") == 0);
}

TEST_CASE("a rate below ten has a decimal, a slow one is per minute") {
  CHECK(human_rate(41'200) == "41.2k/s");
  CHECK(human_rate(12.4) == "12/s");
  CHECK(human_rate(1.4) == "1.4/s");
  CHECK(human_rate(0.05) == "3.0/min");
}

}  // namespace
}  // namespace xp
