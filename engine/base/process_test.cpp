// Claims about programs that are run to their end.
#include "engine/base/process.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("output, errors and exit code come back apart") {
  const Finished end = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  CHECK(end.exit_code == 3);
  CHECK(end.output == "out\n");
  CHECK(end.errors == "err\n");
}

TEST_CASE("more output than a pipe holds does not block") {
  CHECK(run_program({"/bin/sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"})
            .output.size() == 300000);
}

TEST_CASE("a signal and a missing program have the shell's codes") {
  CHECK(run_program({"/bin/sh", "-c", "kill -9 $$"}).exit_code == 137);
  CHECK(run_program({"/no/such/program"}).exit_code == 127);
}

TEST_CASE("a program runs in the folder asked for") {
  CHECK(run_program({"/bin/pwd"}, "/").output == "/\n");
}
