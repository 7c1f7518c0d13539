// The checks of a single training pair.
#include "engine/data/cleaning.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::string why(const Direction& direction, std::string_view source, std::string_view target,
                const CleaningSection& rule = {}) {
  const char* found = flaw_of_pair(rule, direction, source, target);
  return found == nullptr ? "" : found;
}

TEST_CASE("text is composed, and composed text stays where it is") {
  std::string room;
  CHECK(composed("e\xcc\x81t\xc3\xa9", room) == "\xc3\xa9t\xc3\xa9");
  const std::string_view plain = "plain", french = "\xc3\xa9t\xc3\xa9";
  CHECK(composed(plain, room).data() == plain.data());
  CHECK(composed(french, room).data() == french.data());
}

TEST_CASE("control and replacement characters are found, tabs and letters are not") {
  CHECK_FALSE(has_control_character("a\tb \xc3\xa9 \xe2\x80\x99 \xef\xbc\x81"));
  CHECK(has_control_character("a\x01"));
  CHECK(has_control_character("a\x7f"));
  CHECK(has_control_character("a\xc2\x85"));
  CHECK(has_control_character("caf\xef\xbf\xbd"));
}

TEST_CASE("a language is written in its script, of which half of the letters must be") {
  const std::string russian = "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82";
  const std::string chinese = "\xe4\xbd\xa0\xe5\xa5\xbd", kana = "\xe3\x81\x82";
  CHECK(is_in_script_of("ru", russian));
  CHECK(is_in_script_of("ru", russian + " vim"));
  CHECK_FALSE(is_in_script_of("ru", "privet, vim"));
  CHECK_FALSE(is_in_script_of("fr", russian));
  CHECK(is_in_script_of("zh_TW", chinese));
  CHECK_FALSE(is_in_script_of("zh", kana));
  CHECK(is_in_script_of("ja", kana + chinese));
  CHECK(is_in_script_of("ru", "12:30 (%)"));
  CHECK(is_in_script_of("sr", russian));
}

TEST_CASE("a pair's flaw has a name, and rules can be put off") {
  CHECK(why({"en", "fr"}, "one", "un").empty());
  CHECK(why({"en", "fr"}, " ", "un") == "blank");
  CHECK(why({"en", "fr"}, "one", "u\x02n") == "control characters");
  CHECK(why({"en", "ru"}, "one", "odin") == "wrong script");
  CleaningSection rule;
  rule.control = rule.script = false;
  CHECK(why({"en", "ru"}, "o\x02ne", "odin", rule).empty());
}

}  // namespace
}  // namespace xp
