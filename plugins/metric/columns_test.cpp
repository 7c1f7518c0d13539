// The page about columns follows from the declarations.
#include "engine/base/file.h"
#include "registry/measure.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

constexpr const char* kPage = "docs/columns.md";

TEST_CASE("docs/columns.md says what the declarations say") {
  INFO("to write it anew: build/tests/xp_plugins_light_test '[docs]'");
  CHECK(read_file(kPage) == columns_document());
}

TEST_CASE("docs/columns.md is written anew", "[.][docs]") {
  write_atomic(kPage, columns_document());
}

TEST_CASE("a metric's scores are known before it has scored a text") {
  const auto scores = make_metric("chrf", {})->sample();
  REQUIRE(scores.size() == 1);
  CHECK(scores[0].name == "chrf");
  CHECK(scores[0].label == "chrF");
  CHECK(scores[0].higher_is_better);
}

}  // namespace
}  // namespace xp
