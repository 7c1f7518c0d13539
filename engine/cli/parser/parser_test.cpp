// Declarations: what parsing stores, what mistakes say, what help and completion show.
#include "engine/cli/parser/help.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct BoilOptions {
  static constexpr std::string_view kDetails = "xp boil water -n 3\n";
  std::string what;
  Words with;
  int64_t minutes = 5;
  std::optional<int64_t> pot;
  double salt = 0.5;
  bool covered = false;
  std::filesystem::path kitchen;
  std::string style = "soft";

  void declare(Arguments& arguments) {
    arguments.positional("WHAT", &what, "the food").required().one_of({"eggs", "water"});
    arguments.option("-n,--minutes", "N", &minutes, "how long").from(0);
    arguments.option("--pot", "N", &pot, "which pot").from(1);
    arguments.option("--salt", "GRAMS", &salt, "how much").from(0).to(10);
    arguments.flag("-c,--covered", covered, "with a lid");
    arguments.option("--with", "SPICE", &with, "repeatable").completes([this](const std::string&) {
      return Words{what + "-pepper", "salt"};
    });
    arguments.option("--kitchen", "FOLDER", &kitchen, "where");
    arguments.option("--style", "STYLE", &style, "how").one_of({"hard", "soft"});
    arguments.after_parsing([this] {
      if (covered && minutes == 0) usage_error("--covered needs --minutes");
    });
  }
};

int boil(const BoilOptions& options) {
  return static_cast<int>(options.minutes);
}
XP_COMMAND(BoilOptions, boil, "boil", Group::kData, "cook in water", "seethe simmer");

struct HiddenOptions {
  void declare(Arguments&) {}
};
int hide(const HiddenOptions&) {
  return 0;
}
XP_COMMAND(HiddenOptions, hide, "hide", Group::kHidden, "not listed");

BoilOptions parsed(const Words& words) {
  BoilOptions out;
  Arguments arguments({"xp", "boil"});
  out.declare(arguments);
  parse(arguments, words);
  return out;
}

std::string problem(const Words& words) {
  return message_of([&] { parsed(words); });
}

Words completed(const Words& words) {
  BoilOptions options;
  Arguments arguments({"xp", "boil"});
  options.declare(arguments);
  return complete(arguments, words);
}

TEST_CASE("parsing stores words, numbers, flags and lists") {
  const BoilOptions boiled = parsed({"-n", "3", "eggs", "--with", "a,b", "--with=c", "-c", "--pot",
                                     "2", "--salt", "0.25", "--kitchen", "k"});
  CHECK(boiled.what == "eggs");
  CHECK(boiled.minutes == 3);
  CHECK(boiled.with == Words{"a,b", "c"});
  CHECK(boiled.covered);
  CHECK(boiled.pot == 2);
  CHECK(boiled.salt == 0.25);
  CHECK(boiled.kitchen == "k");
  CHECK(parsed({"water"}).minutes == 5);
  CHECK_FALSE(parsed({"water"}).pot);
}

TEST_CASE("an option takes several words if it says so") {
  Words files;
  bool json = false;
  Arguments arguments({"xp"});
  arguments.option("--files", "FILE", &files, "two").at_most(2);
  arguments.flag("--json", json, "as data");
  parse(arguments, {"--files", "a", "b", "--json"});
  CHECK(files == Words{"a", "b"});
  CHECK(json);
  CHECK(message_of([&] {
          parse(arguments, {"--files", "a", "b", "c"});
        }) == "'c' is one word too many; usage: xp [OPTIONS]");
}

TEST_CASE("a positional list takes several words, between options") {
  Words runs;
  bool json = false;
  Arguments arguments({"xp"});
  arguments.positional("RUN", &runs, "two").at_most(2);
  arguments.flag("--json", json, "as data");
  parse(arguments, {"a", "--json", "b"});
  CHECK(runs == Words{"a", "b"});
  CHECK(json);
  runs.clear();
  parse(arguments, {"--json=false"});
  CHECK(runs.empty());
  CHECK_FALSE(json);
  CHECK(message_of([&] {
          parse(arguments, {"a", "b", "c"});
        }) == "'c' is one word too many; usage: xp [OPTIONS] [RUN...]");
}

TEST_CASE("a mistake is one sentence that names the argument") {
  CHECK(problem({}) == "WHAT is missing; usage: xp boil [OPTIONS] WHAT");
  CHECK(problem({"egs"}) ==
        "no value of WHAT named 'egs', did you mean 'eggs'? known: eggs, water");
  CHECK(problem({"eggs", "more"}) == "'more' is one word too many; usage: xp boil [OPTIONS] WHAT");
  CHECK(problem({"eggs", "--sallt=1"}) ==
        "no option named '--sallt', did you mean '--salt'? known: --minutes, --pot, --salt, "
        "--covered, --with, --kitchen, --style");
  CHECK(problem({"eggs", "-n", "-1"}) == "--minutes takes a whole number from 0, not '-1'");
  CHECK(problem({"eggs", "-n", "1.5"}) == "--minutes takes a whole number from 0, not '1.5'");
  CHECK(problem({"eggs", "--salt", "nan"}) == "--salt takes a number from 0 to 10, not 'nan'");
  CHECK(problem({"eggs", "--kitchen", ""}) == "--kitchen is empty; name a file or folder");
  CHECK(problem({"eggs", "--pot"}) == "--pot needs a value: --pot N");
  CHECK(problem({"eggs", "-c", "-n", "0"}) == "--covered needs --minutes");
}

TEST_CASE("completion proposes values, options and what earlier words make possible") {
  CHECK(completed({""}) == Words{"eggs", "water"});
  CHECK(completed({"eggs", ""}).empty());
  CHECK(completed({"eggs", "--style", "h"}) == Words{"hard", "soft"});
  CHECK(completed({"eggs", "--style=h"}) == Words{"--style=hard", "--style=soft"});
  CHECK(completed({"eggs", "--with", ""}) == Words{"eggs-pepper", "salt"});
  CHECK(completed({"eggs", "-n", "x", "--with", ""}) == Words{"eggs-pepper", "salt"});
  CHECK(completed({"-"}) ==
        Words{"--minutes", "--pot", "--salt", "--covered", "--with", "--kitchen", "--style"});
}

TEST_CASE("help lists arguments with values and defaults") {
  CHECK(help_text(*find_command("boil")) ==
        "cook in water\n"
        "\n"
        "usage: xp boil [OPTIONS] WHAT\n"
        "\n"
        "  WHAT                  the food {eggs, water}\n"
        "  -n,--minutes N        how long (default: 5)\n"
        "  --pot N               which pot\n"
        "  --salt GRAMS          how much (default: 0.5)\n"
        "  -c,--covered          with a lid\n"
        "  --with SPICE          repeatable\n"
        "  --kitchen FOLDER      where\n"
        "  --style STYLE         how {hard, soft} (default: soft)\n"
        "  -v,--verbose          log each stage of the work with its time on standard\n"
        "                        error\n"
        "\n"
        "xp boil water -n 3\n");
}

TEST_CASE("a hidden command is found and not listed") {
  CHECK(find_command("hide") != nullptr);
  REQUIRE(commands().size() == 1);
  CHECK(commands()[0]->name == std::string("boil"));
  CHECK(unknown_command("bol") == "no command named 'bol', did you mean 'boil'? known: boil");
  CHECK(help_markdown().find("hide") == std::string::npos);
}

TEST_CASE("a word of other tools leads to the command") {
  CHECK(command_called("seethe")->name == std::string("boil"));
  CHECK(unknown_command("simmer") ==
        "no command named 'simmer'; `xp boil` may be what you want: cook in water");
}

}  // namespace
}  // namespace xp
