// Lines as wide as a terminal.
#include "engine/cli/terminal/wrapped_text.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("text breaks at spaces and is indented by its head") {
  CHECK(wrapped_text("source  ", "the cat sat on the mat", 24) ==
        "source  the cat sat on\n"
        "        the mat\n");
  CHECK(wrapped_text("A  ", "", 24) == "A  \n");
  CHECK(wrapped_text("A  ", "fits", 24) == "A  fits\n");
}

TEST_CASE("text without spaces breaks inside, by the columns that it takes") {
  CHECK(wrapped_text(
            "A ", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 12) ==
        "A \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\n"
        "  \xe8\xaa\x9e\n");
  CHECK(wrapped_text("", "0123456789ab cd", 10) == "0123456789\nab cd\n");
}

TEST_CASE("a narrow terminal still has room for ten columns") {
  CHECK(wrapped_text("a long head ", "the cat sat", 5) ==
        "a long head the cat\n"
        "            sat\n");
}

TEST_CASE("control characters do not reach the terminal") {
  CHECK(wrapped_text("", "a\x1b[2Jb\tc\x7f", 20) == "a [2Jb c\n");
}

}  // namespace
}  // namespace xp
