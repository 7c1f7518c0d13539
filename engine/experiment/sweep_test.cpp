// Axis forms and the points they make.
#include "engine/experiment/sweep.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::vector<SettingValues> combinations(const Sweep& sweep) {
  std::vector<SettingValues> out;
  for_each_combination(sweep, [&out](const Combination& one) { out.push_back(one.values); });
  return out;
}

std::string rows(const char* json, size_t width = 1) {
  try {
    return Value(axis_rows(Value::parse(json), width)).dump();
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("each form of axis makes its rows") {
  CHECK(rows("[1, \"a\"]") == R"([[1],["a"]])");
  CHECK(rows(R"({"range": [1, 5, 2]})") == "[[1],[3],[5]]");
  CHECK(rows(R"({"range": [0.1, 0.3, 0.1]})") == "[[0.1],[0.2],[0.3]]");
  CHECK(rows(R"({"log": [1e-4, 1e-2, 3]})") == "[[0.0001],[0.001],[0.01]]");
  CHECK(rows(R"({"range": [1e-13, 3e-13, 1e-13]})") == "[[1e-13],[2e-13],[3e-13]]");
  CHECK(rows(R"({"range": [-0.2, 0.1, 0.1]})") == "[[-0.2],[-0.1],[0.0],[0.1]]");
  CHECK(rows(R"({"range": [1000000.0, 1000000.0000002, 1e-7]})") ==
        "[[1000000.0],[1000000.0000001],[1000000.0000002]]");
  CHECK(rows(R"({"log": [1e-20, 1e-16, 3]})") == "[[1e-20],[1e-18],[1e-16]]");
  CHECK(rows(R"({"log": [0.123456789012345, 0.5, 2]})") == "[[0.123456789012345],[0.5]]");
  CHECK(rows(R"({"simplex": 5e-13})", 1).starts_with("2e+12 values are more"));
  CHECK(rows(R"({"repeat": 3, "base": 7})") == "[[7],[8],[9]]");
  CHECK(rows(R"({"zip": [[1, 2], [3, 4]]})", 2) == "[[1,2],[3,4]]");
  CHECK(rows(R"({"simplex": 0.5})", 2) ==
        "[[0.0,0.0],[0.0,0.5],[0.0,1.0],[0.5,0.0],[0.5,0.5],[1.0,0.0]]");
}

TEST_CASE("a random axis is the same for the same seed and inside its ends") {
  const Value form = {{"random", {2, 3}}, {"samples", 50}, {"seed", 5}};
  const auto once = axis_rows(form, 1);
  CHECK(once == axis_rows(form, 1));
  REQUIRE(once.size() == 50);
  for (const auto& row : once)
    CHECK((row[0] >= 2.0 && row[0] < 3.0));
}

TEST_CASE("a random axis on a log scale has as much between 1 and 10 as between 10 and 100") {
  const Value form = {{"random", {1, 100}}, {"samples", 1000}, {"scale", "log"}};
  int64_t below_ten = 0;
  for (const auto& row : axis_rows(form, 1)) {
    REQUIRE((row[0] >= 1.0 && row[0] < 100.0));
    below_ten += row[0] < 10.0 ? 1 : 0;
  }
  CHECK((below_ten > 450 && below_ten < 550));
}

TEST_CASE("an axis that is none of the forms says which there are") {
  CHECK(rows("3") ==
        "an axis must be a list or one of the forms range, log, random, zip, simplex, "
        "repeat, not 3");
  CHECK(rows("{}") ==
        "an axis must be a list or one of the forms range, log, random, zip, simplex, repeat");
}

TEST_CASE("mistakes in the forms are named") {
  CHECK(rows("[1]", 2) == "an axis of 2 keys needs a form, such as zip = [[...]]");
  CHECK(rows(R"({"range": [1, 2]})") == "'range' must be [from, to, step], not [1, 2]");
  CHECK(rows(R"({"range": [1, 2, 0]})") == "the step of 'range' is 0; must be above 0");
  CHECK(rows(R"({"log": [0, 1, 3]})") == "the ends of 'log' must be finite and above 0");
  CHECK(rows(R"({"log": [1, 2, 1]})") ==
        "the count of 'log' is 1; must be an integer of at least 2");
  CHECK(rows(R"({"random": [0, 1]})") == "'random' needs 'samples', an integer of at least 1");
  CHECK(rows(R"({"random": [0, 1], "samples": 2, "scale": "log"})") ==
        "the ends of 'random' must be above 0 on a log scale");
  CHECK(rows(R"({"random": [1, 2], "samples": 2, "scale": "lin"})") ==
        "'scale' is \"lin\"; must be one of linear, log");
  CHECK(rows(R"({"zip": 3})", 2) == "'zip' must be a list of lists, not 3");
  CHECK(rows(R"({"zip": [[1]]})", 2) == "each row of 'zip' must be a list of 2 values, not [1]");
  CHECK(rows(R"({"simplex": 0})", 2) == "'simplex' is 0; must be above 0, at most 1");
  CHECK(rows(R"({"simplex": 0.001})", 9) ==
        "1.00904e+27 values are more than an axis may have (1000000)");
  CHECK(rows(R"({"repeat": 0})") == "'repeat' is 0; must be at least 1");
  CHECK(rows(R"({"repeat": 2.5})") == "'repeat' must be an integer, not 2.5");
  CHECK(rows(R"({"repeat": 2, "step": 1})") ==
        "'step' does not belong to an axis of the form 'repeat'");
  CHECK(rows(R"({"repeat": 2})", 2) ==
        "'repeat' sets one key, but this axis has 2; use zip or "
        "simplex");
  CHECK(rows(R"({"range": [0, 1e18, 1]})")
            .ends_with("values are more than an axis may have (1000000)"));
  CHECK(rows(R"({"range": [0, 1, 1e-92]})").starts_with("1e+92 values are more"));
  CHECK(rows(R"({"simplex": 1e-300})", 2).starts_with("inf values are more"));
  CHECK(rows(R"({"repeat": 2, "base": 9223372036854775807})") ==
        "'base' is 9223372036854775807; must be at most 4611686018427387904");
}

Sweep two_axes() {
  Sweep sweep;
  sweep.axes.push_back({{"a"}, {{1}, {2}}, "", {}});
  sweep.axes.push_back({{"train.seed"}, {{1}, {2}}, "", {}});
  return sweep;
}

TEST_CASE("the first axis changes slowest and points are added at the end") {
  Sweep sweep = two_axes();
  sweep.points = {{{"a", 9}}};
  CHECK(combination_count(sweep) == 5);
  CHECK(Value(combinations(sweep)).dump() ==
        R"([{"a":1,"train.seed":1},{"a":1,"train.seed":2},{"a":2,"train.seed":1},)"
        R"({"a":2,"train.seed":2},{"a":9}])");
}

TEST_CASE("seed-last does every combination for one seed first") {
  Sweep sweep = two_axes();
  sweep.seed_last = true;
  CHECK(Value(combinations(sweep)).dump() ==
        R"([{"a":1,"train.seed":1},{"a":2,"train.seed":1},{"a":1,"train.seed":2},)"
        R"({"a":2,"train.seed":2}])");
}

TEST_CASE("no sweep is one point") {
  CHECK(combinations({}).size() == 1);
}

}  // namespace
}  // namespace xp
