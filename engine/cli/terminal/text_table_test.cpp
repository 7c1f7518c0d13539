// Columns of plain tables.
#include "engine/cli/terminal/text_table.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("columns are as wide as their widest cell, by what a terminal shows") {
  CHECK(text_table({{"#", "name"}, {"1", "äöü"}, {"10", "日本", "note"}}) ==
        "#   name\n"
        "1   äöü\n"
        "10  日本  note\n");
  CHECK(text_table({}).empty());
}

TEST_CASE("a colour moves no column") {
  const auto red_state = [](size_t row, size_t column) {
    return row > 0 && column == 1 ? Colour::kRed : Colour::kNone;
  };
  CHECK(text_table({{"point", "state", "note"}, {"a", "failed", "disk"}}, red_state) ==
        "point  state   note\n"
        "a      \033[31mfailed\033[0m  disk\n");
}

}  // namespace
}  // namespace xp
