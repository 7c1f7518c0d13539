// Every mistake that a file can have, and what is said, to the letter: the files in messages/.
#include "engine/experiment/catalog_fixture.h"
#include "engine/experiment/load.h"
#include "engine/testing/golden.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::string said(const GoldenCase& one) {
  static const Catalog catalog = fixture_catalog();
  const TempFolder folder;
  const fs::path back = fs::current_path();
  fs::current_path(folder.path());  // so that messages name files shortly
  const bool bare = one.name.starts_with("bare: ");
  write_atomic("x.toml", (bare ? "" : "name = \"t\"\n[corpus]\nuse = \"dummy\"\n") + one.input);
  write_atomic("base.toml", "[model]\nwidht = 3\n");
  Problems found;
  load_spec("x.toml", {}, catalog, found);
  fs::current_path(back);
  return found.text() + "\n";
}

void check_all(const char* file, size_t count) {
  const auto cases = golden_cases(file);
  CHECK(cases.size() == count);
  for (const auto& one : cases) {
    INFO(one.name);
    CHECK(said(one) == one.expected);
  }
}

TEST_CASE("mistakes in files say what they are") {
  check_all("engine/experiment/messages/files.txt", 21);
}

TEST_CASE("mistakes in keys and values say what they are") {
  check_all("engine/experiment/messages/keys.txt", 47);
}

TEST_CASE("mistakes in the sweep say what they are") {
  check_all("engine/experiment/messages/sweep.txt", 35);
}

TEST_CASE("mistakes in conditions say what they are") {
  check_all("engine/experiment/messages/conditions.txt", 19);
}

}  // namespace
}  // namespace xp
