// Text that is wider than its place.
#include "engine/base/terminal.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("a line is cut by columns, not by bytes") {
  CHECK(clipped("abc", 5) == "abc");
  CHECK(clipped("abc", 2) == "ab");
  CHECK(clipped("äöü", 2) == "äö");
  CHECK(clipped("日本", 3) == "日");
  CHECK(clipped("abc", 0).empty());
  CHECK(clipped("a\xFF\xC3", 2) == "a\xFF");
  CHECK(clipped("日本a", 1).empty());
}

TEST_CASE("a colour takes no column, and one that began ends where the line is cut") {
  CHECK(clipped("a\033[31mfailed\033[0m  b", 4) == "a\033[31mfai\033[0m");
  CHECK(clipped("\033[1;31mab\033[0m", 2) == "\033[1;31mab\033[0m");
}

}  // namespace
}  // namespace xp
