// Claims about values: paths, TOML and back, ids.
#include "engine/base/value.h"

#include "engine/base/hash.h"
#include "engine/base/toml.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("dotted paths find and set what lies in tables") {
  Value root;
  set_path(root, "model.moe.experts", 8);
  set_path(root, "model.width", 128);
  REQUIRE(find_path(root, "model.moe.experts") != nullptr);
  CHECK(*find_path(root, "model.moe.experts") == 8);
  CHECK(find_path(root, "model.moe.router.use") == nullptr);
  CHECK(find_path(root, "model.width.deeper") == nullptr);
}

TEST_CASE("leaves come sorted by path") {
  const Value root = {{"b", {{"y", 1}, {"x", 2}}}, {"a", true}};
  CHECK(leaves(root) ==
        std::vector<std::pair<std::string, Value>>{{"a", true}, {"b.x", 2}, {"b.y", 1}});
}

TEST_CASE("TOML that we write reads back equal") {
  const Value root = {{"text", "a \"b\" \\ \n \xc3\xa9"},
                      {"odd key", 1},
                      {"list", {1, 2.5, "x"}},
                      {"float", 1.0},
                      {"small", 1e-9},
                      {"table", {{"inner", {{"deep", true}}}, {"empty", Value::object()}}}};
  Problems problems;
  CHECK(parse_toml(to_toml(root), "file", problems).value == root);
  CHECK(problems.empty());
}

TEST_CASE("a float stays a float and an integer an integer") {
  CHECK(show(1.0) == "1.0");
  CHECK(show(1) == "1");
  CHECK(show(5e-4) == "0.0005");
  CHECK(show(Value::array({1, "a"})) == "[1, \"a\"]");
}

TEST_CASE("infinite numbers have texts and ids of their own") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Value above = {{"a", {1.0, infinity}}}, below = {{"a", {1.0, -infinity}}};
  CHECK(canonical_text(above) == R"({"a":[1.0,"inf"]})");
  CHECK(canonical_text(below) == R"({"a":[1.0,"-inf"]})");
  CHECK(canonical_text({{"a", {1, 2.5, "x", nullptr}}}) == R"({"a":[1,2.5,"x",null]})");
  CHECK(content_id(above) != content_id(below));
  CHECK(content_id(above) != content_id({{"a", {1.0, nullptr}}}));
}

TEST_CASE("keys and values know where they stood") {
  Problems problems;
  const auto document = parse_toml("name = \"x\"\n[model]\n  width = 12\n", "f.toml", problems);
  const Place key = document.key_places.at("model.width"),
              value = document.value_places.at("model.width");
  CHECK(key.line == 3);
  CHECK(key.column == 3);
  CHECK(value.column == 11);
  CHECK(value.end_column == 13);
}

TEST_CASE("a syntax error is a problem with its place") {
  Problems problems;
  parse_toml("a = 1\nb = = 2\n", "f.toml", problems);
  REQUIRE(problems.all().size() == 1);
  CHECK(problems.all()[0].code == "E001");
  CHECK(problems.all()[0].place.line == 2);
}

TEST_CASE("problems print line, caret and hint in the order of the file") {
  Problems problems;
  problems.remember("f.toml", "alpha = 1\n  bta = 2\n");
  problems.add({"f.toml", 2, 3, 6}, "E010", "unknown key 'bta'", "beta");
  problems.add({"f.toml", 1, 9, 10}, "E013", "'alpha' is wrong");
  CHECK(problems.text() ==
        "f.toml:1:9: 'alpha' is wrong (code E013)\n  alpha = 1\n          ^\n"
        "f.toml:2:3: unknown key 'bta' (code E010)\n    bta = 2\n    ^^^\n  did you mean 'beta'?\n"
        "2 errors; nothing was run or written");
}

TEST_CASE("ids are those of the canonical text") {
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256().add("a").add("bc").hex() == sha256("abc"));
  CHECK(content_id({{"b", 1}, {"a", 2}}) == content_id({{"a", 2}, {"b", 1}}));
  CHECK(content_id({{"a", 1}}) != content_id({{"a", 1.0}}));
}

TEST_CASE("named random streams differ from each other and repeat") {
  CHECK(seed_for(1, "dropout", 0) == seed_for(1, "dropout", 0));
  CHECK(seed_for(1, "dropout", 0) != seed_for(1, "dropout", 1));
  CHECK(seed_for(1, "dropout", 0) != seed_for(2, "dropout", 0));
  CHECK(seed_for(1, "dropout", 0) >> 63 == 0);
}
