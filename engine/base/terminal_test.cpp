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
}

}  // namespace
}  // namespace xp
