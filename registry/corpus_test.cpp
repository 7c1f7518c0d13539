// Directions by name.
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;

TEST_CASE("a direction is two codes joined by a hyphen") {
  CHECK(parse_direction("en-fr") == Direction{"en", "fr"});
  CHECK(parse_direction("en-pt_BR").name() == "en-pt_BR");
}

TEST_CASE("a corpus that does not know its directions wants their names") {
  CHECK(named_directions("tmx", {"en-fr"}) == std::vector{Direction{"en", "fr"}});
  CHECK_THROWS_MATCHES(named_directions("tmx", {"en-fr", "all"}), Error,
                       Message("corpus 'tmx' does not know its directions; name them: "
                               "pairs = [\"en-fr\"]"));
}

TEST_CASE("the error for a text that is not a direction shows an example") {
  CHECK_THROWS_MATCHES(
      parse_direction("en"), Error,
      Message("'en' in 'pairs' is not a direction; write two language codes as in \"en-fr\""));
  CHECK_THROWS_AS(parse_direction("en-fr-de"), Error);
  CHECK_THROWS_AS(parse_direction("../x-fr"), Error);
  CHECK_THROWS_MATCHES(parse_direction("fr-fr"), Error,
                       Message("'fr-fr' in 'pairs' translates a language to itself; name two"));
}

}  // namespace
}  // namespace xp
