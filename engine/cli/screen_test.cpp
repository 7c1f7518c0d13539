// Lines that are cut to a terminal's width.
#include "engine/cli/screen.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("a line is cut by columns, not by bytes") {
  CHECK(cut_to_width("abc", 5) == "abc");
  CHECK(cut_to_width("abc", 2) == "ab");
  CHECK(cut_to_width("äöü", 2) == "äö");
  CHECK(cut_to_width("日本", 3) == "日");
  CHECK(cut_to_width("abc", 0).empty());
}

}  // namespace
}  // namespace xp
