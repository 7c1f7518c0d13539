// Claims about names and values.
#include "engine/base/environment.h"

#include "engine/base/process.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("this process's variables have what was set last") {
  ::setenv("XP_TEST_A", "1=2", 1);
  CHECK(environment_value("XP_TEST_A") == "1=2");
  CHECK(own_environment().at("XP_TEST_A") == "1=2");
  ::unsetenv("XP_TEST_A");
  CHECK(environment_value("XP_TEST_A").empty());
  CHECK_FALSE(own_environment().contains("XP_TEST_A"));
}

TEST_CASE("a new process has the variables of its list and no others") {
  NewProcess job;
  job.command = {"/usr/bin/env"};
  job.environment = Environment{{"B", "2"}, {"A", "x=y"}};
  CHECK(run_program(job).output == "A=x=y\nB=2\n");
}
