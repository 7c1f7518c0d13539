// What options that several commands share refuse.
#include "engine/cli/points/options.h"

#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

std::string problem(const Words& words) {
  return message_of([&] {
    WorkspaceOptions options;
    Arguments arguments({"xp", "status"});
    options.declare(arguments);
    parse(arguments, words);
  });
}

}  // namespace

TEST_CASE("a workspace whose path is not UTF-8 is refused before anything is written there") {
  CHECK(problem({"--workspace", "/tmp/caf\xe9"}) ==
        "the path of the workspace '/tmp/caf\xe9' is not UTF-8; name another folder with "
        "--workspace");
  CHECK(problem({"--workspace", "/tmp/caf\xc3\xa9"}) == "no error");
}
