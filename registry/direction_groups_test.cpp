// Which directions a group means.
#include "registry/direction_groups.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

const Texts kGroups = {"low = be-en  gl-en", "south=x-it"};

TEST_CASE("a group is one of [report], or a pattern of directions") {
  CHECK(directions_of_group("low", kGroups) == Texts{"be-en", "gl-en"});
  CHECK(directions_of_group("south", kGroups) == Texts{"x-it"});
  CHECK(directions_of_group("en-x", kGroups) == Texts{"en-x"});
  CHECK(directions_of_group("en-sr@latin", {}) == Texts{"en-sr@latin"});
  CHECK_FALSE(directions_of_group("lo", kGroups));
  CHECK_FALSE(directions_of_group("en-", kGroups));
  CHECK_FALSE(directions_of_group("", kGroups));
  CHECK(group_names(kGroups) == Texts{"low", "south"});
}

TEST_CASE("x stands for any language") {
  CHECK(is_in_group({"en-x"}, "en-de"));
  CHECK_FALSE(is_in_group({"en-x"}, "de-en"));
  CHECK(is_in_group({"x-en"}, "de-en"));
  CHECK(is_in_group({"x-x"}, "de-fr"));
  CHECK(is_in_group({"be-en", "gl-en"}, "gl-en"));
  CHECK_FALSE(is_in_group({"be-en", "gl-en"}, "en-gl"));
  CHECK_FALSE(is_in_group({"low"}, "en-gl"));
}

}  // namespace
}  // namespace xp
