// Claims about words and figures.
#include "engine/base/text.h"

#include "engine/base/to_integer.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("a number that fits no integer becomes the nearest one") {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = -(kMin + 1);
  CHECK(to_integer(2.9) == 2);
  CHECK(to_integer(-2.9) == -2);
  CHECK(to_nearest_integer(2.5) == 3);
  CHECK(to_integer(0x1p62) == int64_t{1} << 62);
  CHECK(to_integer(0x1p63) == kMax);
  CHECK(to_integer(1e30) == kMax);
  CHECK(to_integer(std::numeric_limits<double>::infinity()) == kMax);
  CHECK(to_integer(-0x1p63) == kMin);
  CHECK(to_nearest_integer(-1e300) == kMin);
  CHECK(to_integer(std::numeric_limits<double>::quiet_NaN()) == 0);
}

TEST_CASE("splitting keeps empty parts, joining undoes it") {
  CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "", "b", ""});
  CHECK(join(split("a,,b,", ','), ",") == "a,,b,");
  CHECK(split("", ',') == std::vector<std::string>{""});
}

TEST_CASE("a swapped pair of letters is one edit") {
  CHECK(edit_distance("alhpa", "alpha") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("a name is suggested only when one is clearly nearest") {
  const std::vector<std::string> names = {"top1", "top2", "balance_weight"};
  CHECK(nearest("balance_wieght", names) == "balance_weight");
  CHECK(nearest("top3", names).empty());  // as near to top1 as to top2
  CHECK(nearest("zebra", names).empty());
}

TEST_CASE("broken UTF-8 is told from whole") {
  CHECK(is_valid_utf8("caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80"));
  CHECK_FALSE(is_valid_utf8("\xc3"));
  CHECK_FALSE(is_valid_utf8("\xc0\xaf"));          // overlong
  CHECK_FALSE(is_valid_utf8("\xed\xa0\x80"));      // surrogate
  CHECK_FALSE(is_valid_utf8("\xf4\x90\x80\x80"));  // past the last code point
}

TEST_CASE("wide and combining characters take the columns a terminal gives them") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("caf\xc3\xa9") == 4);
  CHECK(display_width("e\xcc\x81") == 1);
  CHECK(display_width("\xe4\xb8\xad\xe6\x96\x87") == 4);
  CHECK(display_width("हिन्दी") == 5);  // a virama has no column, vowel signs have
  CHECK(display_width("ไทยที่") == 4);   // a vowel and a tone above one letter
  CHECK(display_width("עִבְרִית") == 5);  // points
  CHECK(display_width("\u1112\u1161\u11ab") == 2);  // Hangul in parts
  CHECK(display_width("a\u00adb\u200b\u2060c") == 4);
  CHECK(display_width("\U0001F600") == 2);
  CHECK(display_width("a\xff") == 2);
}

TEST_CASE("sizes, counts and durations read as a person writes them") {
  CHECK(human_bytes(512) == "512 B");
  CHECK(human_bytes(25.1e6) == "25.1 MB");
  CHECK(human_bytes(999960) == "1.0 MB");
  CHECK(human_count(812) == "812");
  CHECK(human_count(41234) == "41.2k");
  CHECK(human_count(999960) == "1.0M");
  CHECK(human_count(1.9e12) == "1.9T");
  CHECK(human_duration(0.42) == "0.4 s");
  CHECK(human_duration(125) == "2 min 05 s");
  CHECK(human_duration(8040) == "2 h 14 min");
}
