// Tables of a paper: which number no longer holds.
#include "engine/cli/commands/report_files.h"

#include "engine/base/error.h"
#include "engine/base/file.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Words = std::vector<std::string>;

TEST_CASE("the ending of a file names its format") {
  CHECK(format_of("a/b.tex") == "latex");
  CHECK(format_of("b.csv") == "csv");
  CHECK_THROWS_MATCHES(
      format_of("a/b.pdf"), Error,
      Catch::Matchers::Message(
          "'a/b.pdf' must end in one of .csv .html .json .md .tex .txt to be a report"));
}

TEST_CASE("a file keeps no hint what to type") {
  Table table;
  table.notes = {"mean"};
  table.hints = {"more columns for [report]: a", "next: xp run q.toml"};
  CHECK(kept_table(table).notes == Words{"mean"});
  CHECK(kept_table(table).hints.empty());
}

TEST_CASE("each number that no longer follows is named") {
  const TempFolder folder;
  const fs::path file = folder.path() / "t.tex";
  const std::string name = file.string();
  CHECK(differences(file, "x") == Words{"'" + name + "' does not exist"});
  write_atomic(file, "a & 20.1 & \\textbf{7}\nb & 19\n");
  CHECK(differences(file, "a & 20.1 & \\textbf{7}\nb & 19\n").empty());
  CHECK(differences(file, "a & 20.2 & \\textbf{8}\nb & 19\n") ==
        Words{name + ":1: has '20.1', the store gives '20.2'",
              name + ":1: has '7', the store gives '8'"});
  CHECK(differences(file, "a & 20.1 & \\textbf{7}\nb &  19\n") ==
        Words{name + ":2: differs in layout"});
  CHECK(differences(file, "a & 20.1 & \\textbf{7}\nb & not run\n") ==
        Words{name + ":2: has 'b & 19', the store gives 'b & not run'"});
  CHECK(differences(file, "a & 20.1 & \\textbf{7}\n") ==
        Words{name + ":2: has 'b & 19', the store gives ''",
              name + " has 2 lines, the store gives 1"});
}
