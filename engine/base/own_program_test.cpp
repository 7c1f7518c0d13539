// The path of a program that is replaced while it runs.
#include "engine/base/own_program.h"

#include "engine/base/file.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("a program finds its own place after it was built anew") {
  const fs::path here = own_program();
  CHECK(fs::exists(here));
  // A copy of this program that removes itself and then asks.
  const TempFolder folder;
  const fs::path copy = folder.path() / "to-be-removed";
  fs::copy_file(here, copy);
  const std::string claim = "a program that was removed";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(copy.c_str(), copy.c_str(), claim.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a program that was removed", "[.]") {
  const fs::path copy = own_program();
  REQUIRE(copy.filename() == "to-be-removed");
  fs::remove(copy);
  CHECK(own_program() == copy);
}
