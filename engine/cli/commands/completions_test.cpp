// The scripts of `xp completions`, run by the shells themselves.
#include "engine/base/process.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// $1 is the program, $2 what is typed after it.
constexpr const char* kInBash = R"sh(
eval "$("$1" completions bash)"
COMP_LINE="$1 $2" COMP_WORDS=("$1")
COMP_POINT=${#COMP_LINE}
_xp
printf '%s\n' "${COMPREPLY[@]}"
)sh";

constexpr const char* kInFish = R"sh(
$argv[1] completions fish | source
complete -C "$argv[1] $argv[2]"
)sh";

// What is offered at the end of the line, one a line.
std::string in_bash(const std::string& line) {
  return run_program({"bash", "-c", kInBash, "bash", xp_program(), line}).output;
}
std::string in_fish(const std::string& line) {
  return run_program({"fish", "-c", kInFish, xp_program(), line}).output;
}

TEST_CASE("bash completes for the program that is typed, also after = and :") {
  CHECK(in_bash("pl") == "plan\n");
  CHECK(in_bash("plan --ex") == "--exit-code\n");
  CHECK(in_bash("plan experiments/smo") == "experiments/smoke.toml\n");
  CHECK(in_bash("plan --set train.precision=b") == "bf16\n");
  CHECK(in_bash("plan --set \"train.precision=b") == "train.precision=bf16\n");
  CHECK(in_bash("status state:fai") == "failed\n");
  CHECK(in_bash("nothing ") == "\n");
}

TEST_CASE("fish completes for the program that is typed") {
  if (run_program({"fish", "--version"}).exit_code != 0) SKIP("there is no fish");
  CHECK(in_fish("pl") == "plan\n");
  CHECK(in_fish("plan --set train.precision=b") == "train.precision=bf16\n");
}

}  // namespace
}  // namespace xp
