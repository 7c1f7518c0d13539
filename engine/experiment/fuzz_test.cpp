// No text, however broken, makes the loader of experiments or the expression parser do anything but
// answer.
#include "engine/testing/fuzz.h"

#include "engine/base/expression.h"
#include "engine/experiment/catalog_fixture.h"
#include "engine/experiment/load.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

FuzzTarget expressions() {
  return {"expression",
          "engine/experiment/fuzz/expression",
          {"and", "or", "not", "in",   "==",   "!=",     "<=", "(",    ")", "[",     "]",
           "'",   "\"", "if(", "min(", "max(", "floor(", ",",  "true", "1", "alpha", "exchange"},
          [](const std::string& text) {
            try {
              const Expression expression = Expression::parse(text);
              const Value values[] = {1, 0.5, "gshard", true, Value(), Value::array({1, 2})};
              const Value value = expression.evaluate([&](size_t i) { return values[i % 6]; });
              value.dump(-1, ' ', false, Value::error_handler_t::replace);
            } catch (const ExpressionError& error) {
              if (error.offset > text.size()) throw std::logic_error("an offset outside the text");
            }
          }};
}

FuzzTarget specs() {
  static const Catalog catalog = fixture_catalog();
  static const TempFolder folder;
  write_atomic(folder.path() / "seed.toml", "[train]\nseed = 2\n");
  write_atomic(folder.path() / "base.toml", "extends = \"seed.toml\"\n[model]\nwidth = 64\n");
  return {"spec",
          "engine/experiment/fuzz/spec",
          {"[sweep]",
           "[model]",
           "[corpus]",
           "[report]",
           "use = ",
           "\"model.moe.exchange.use\"",
           "{ range = [",
           "{ zip = [[",
           "{ simplex = ",
           "{ repeat = ",
           "{ log = [",
           "{ random = [",
           "points = [ {",
           "where = \"",
           "extends = [",
           "alpha",
           "exchange",
           "seed",
           "=",
           "\n",
           "\"",
           "[",
           "]",
           "{",
           "}",
           ",",
           "0.25",
           "[model.moe.exchange]\n"},
          [](const std::string& text) {
            const fs::path file = folder.path() / "x.toml";
            append_file(file, text);
            Problems problems;
            load_spec(file.string(), {}, catalog, problems);
            problems.text();
            problems.json().dump(-1, ' ', false, Value::error_handler_t::replace);
            fs::remove(file);
          }};
}

TEST_CASE("the expression parser survives any text") {
  fuzz(expressions(), kSmokeSeconds);
}

TEST_CASE("the loader of experiments survives any text") {
  fuzz(specs(), kSmokeSeconds);
}

TEST_CASE("the expression parser survives any text for long", "[.][fuzz]") {
  fuzz(expressions(), kFuzzSeconds);
}

TEST_CASE("the loader of experiments survives any text for long", "[.][fuzz]") {
  fuzz(specs(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
