// What is said of settings that do not fit together, to the letter: messages/rules.txt.
#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"
#include "engine/testing/golden.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::string said(const GoldenCase& one) {
  static const Catalog catalog = fixture_catalog();
  const TempFolder folder;
  const fs::path back = fs::current_path();
  fs::current_path(folder.path());
  write_atomic("x.toml", "name = \"t\"\n[corpus]\nuse = \"dummy\"\n" + one.input);
  Problems found;
  const Spec spec = load_spec("x.toml", {}, catalog, found);
  if (spec.is_plannable) make_plan(spec, catalog, found);
  fs::current_path(back);
  return found.text() + "\n";
}

TEST_CASE("settings that do not fit together say why") {
  const auto cases = golden_cases("engine/plan/messages/rules.txt");
  CHECK(cases.size() == 18);
  for (const auto& one : cases) {
    INFO(one.name);
    CHECK(said(one) == one.expected);
  }
}

}  // namespace
}  // namespace xp
