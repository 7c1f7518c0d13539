// Quoting, read back by the shell itself.
#include "engine/base/shell.h"

#include "engine/base/process.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("a word is quoted only if a shell would read it otherwise") {
  CHECK(shell_word("runs/a_b-1.toml") == "runs/a_b-1.toml");
  CHECK(shell_word("train.lr=0.1") == "train.lr=0.1");
  CHECK(shell_word("my runs") == "'my runs'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("it's") == "'it'\\''s'");
}

TEST_CASE("a shell reads a quoted word as it was") {
  for (const std::string word : {"a b", "$HOME", "it's \"so\"", "*", "\\n", "~", ";ls"})
    CHECK(run_program({"sh", "-c", "printf %s " + shell_word(word)}).output == word);
}

}  // namespace
}  // namespace xp
