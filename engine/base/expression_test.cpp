// The expression language: values, names, wording of mistakes.
#include "engine/base/expression.h"

#include <catch2/catch_test_macros.hpp>

#include <map>

namespace xp {
namespace {

Value value_of(const std::string& text) {
  static const std::map<std::string, Value> settings = {
      {"alpha", 0.1}, {"beta", 0.2}, {"exchange", "gshard"}, {"moe.experts", 8}, {"on", true}};
  const Expression expression = Expression::parse(text);
  return expression.evaluate([&](size_t i) {
    const auto found = settings.find(expression.names().at(i).text);
    return found == settings.end() ? Value() : found->second;
  });
}

std::string mistake_in(const std::string& text) {
  try {
    return value_of(text).dump();
  } catch (const ExpressionError& error) {
    return std::to_string(error.offset) + ": " + error.what();
  }
}

TEST_CASE("operators bind as in arithmetic") {
  CHECK(value_of("1 + 2 * 3 - 4 / 2") == 5.0);
  CHECK(value_of("-(1 + 2) % 2") == -1.0);
  CHECK(value_of("not 1 == 2 and 3 > 2 or false") == true);
}

TEST_CASE("sums of decimal fractions compare as written") {
  CHECK(value_of("alpha + beta == 0.3") == true);
  CHECK(value_of("alpha + beta <= 0.3") == true);
  CHECK(value_of("alpha + beta < 0.3") == false);
}

TEST_CASE("functions round, choose and compare") {
  CHECK(value_of("floor(0.3 / 0.1) + ceil(2.1) + round(2.5)") == 9.0);
  CHECK(value_of("min(3, beta, 1) + max(1, 2)") == 2.2);
  CHECK(value_of("if(exchange == 'gshard', 1, 1 / 0)") == 1.0);
  CHECK(value_of("max(gamma, 1)") == Value());
  CHECK(value_of("floor(gamma)") == Value());
  CHECK(value_of("count(['a', 'b', 'c']) + count([])") == 3.0);
  CHECK(value_of("count(gamma)") == Value());
}

TEST_CASE("texts compare and lists contain") {
  CHECK(value_of("exchange == 'gshard'") == true);
  CHECK(value_of("exchange in [\"dense\", 'gshard']") == true);
  CHECK(value_of("moe.experts not in [1, 8.0]") == false);
  CHECK(value_of("1 in []") == false);
}

TEST_CASE("a name without a value is null") {
  CHECK(value_of("gamma == 1") == false);
  CHECK(value_of("gamma != 1") == true);
  CHECK(value_of("gamma + 1 <= 5") == false);
}

TEST_CASE("and, or decide without their right side") {
  CHECK(value_of("false and 1 / 0 == 1") == false);
  CHECK(value_of("true or 1 / 0 == 1") == true);
}

TEST_CASE("names have their place in the text") {
  const Expression expression = Expression::parse("alpha + moe.experts > 1");
  REQUIRE(expression.names().size() == 2);
  CHECK(expression.names()[1].text == "moe.experts");
  CHECK(expression.names()[1].offset == 8);
}

TEST_CASE("mistakes are named with their byte") {
  CHECK(mistake_in("1 +") == "3: expected a value, but the expression ends here");
  CHECK(mistake_in("(1") == "2: expected ')'");
  CHECK(mistake_in("[1") == "2: expected ',' or ']'");
  CHECK(mistake_in("alpha = 1") == "6: '=' does not compare; use '=='");
  CHECK(mistake_in("1 2") == "2: did not expect '2' here");
  CHECK(mistake_in("'a") == "0: this text has no end");
  CHECK(mistake_in("1 not 2") == "6: expected 'in' after 'not'");
  CHECK(mistake_in("and 1") == "0: expected a value before 'and'");
  CHECK(mistake_in("$") == "0: did not expect '$' here");
  CHECK(mistake_in("'a' + 1") == "4: '+' needs two numbers, not \"a\" and 1.0");
  CHECK(mistake_in("'a' < 1") == "4: cannot compare \"a\" with 1.0");
  CHECK(mistake_in("1 and true") == "2: 1.0 is neither true nor false");
  CHECK(mistake_in("1 / 0") == "2: division by zero");
  CHECK(mistake_in("mid(1)") ==
        "0: no function is named 'mid'; known: min, max, floor, ceil, round, count, if");
  CHECK(mistake_in("1 + if(true, 2)") == "4: 'if' takes 3, not 2 values");
  CHECK(mistake_in("min(1") == "5: expected ',' or ')'");
  CHECK(mistake_in("count('a')") == "0: 'count' needs a list, not \"a\"");
  CHECK(mistake_in("floor('a')") == "0: 'floor' needs a number, not \"a\"");
  CHECK(mistake_in("1 in 2") == "2: 'in' needs a list on its right");
}

TEST_CASE("depth and length are limited") {
  CHECK(mistake_in(std::string(3000, '(')).ends_with("this is nested too deeply"));
  CHECK(mistake_in(std::string(3000, '-')).ends_with("this is nested too deeply"));
  CHECK(mistake_in(std::string(4001, '1')) == "4000: this is longer than 4000 characters");
}

}  // namespace
}  // namespace xp
