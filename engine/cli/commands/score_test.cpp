// Files of translations, scored as a person types it; the figures are those of sacreBLEU 2.6.0.
#include "engine/base/replace_all.h"
#include "engine/base/value.h"
#include "engine/cli/commands/typing_fixture.h"
#include "engine/cli/parser/exit_code.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace xp {
namespace {

using Catch::Matchers::WithinAbs;

// Two systems of three sentences.
struct Files {
  Files() {
    write("ref", "the cat sat on the mat\nit rains again, we stay\nwho left the door open?\n");
    write("a", "a cat sat upon the mat\nit rains again and we stay\nwho left that door open?\n");
    write("b", "the cat sat on a mat\nit rains, we stay\nwho left the door open?\n");
  }
  void write(const std::string& name, const std::string& text) const {
    write_atomic(folder.path() / name, text);
  }
  std::string path(const std::string& name) const { return (folder.path() / name).string(); }
  Typed score(std::vector<std::string> more, std::vector<std::string> systems = {"a", "b"},
              std::vector<std::string> references = {"ref"}) const {
    std::vector<std::string> words = {"score", "--hypotheses"};
    for (const auto& name : systems)
      words.push_back(path(name));
    words.push_back("--references");
    for (const auto& name : references)
      words.push_back(path(name));
    words.insert(words.end(), more.begin(), more.end());
    return type(words);
  }
  Value scores(std::vector<std::string> more, std::vector<std::string> references = {"ref"}) const {
    more.push_back("--json");
    return Value::parse(score(more, {"a", "b"}, references).output)["scores"];
  }
  TempFolder folder;
};

TEST_CASE("systems are scored and compared with the first one") {
  const Value found =
      Files().scores({"--metrics", "bleu,ter", "--test", "--sentences", "--rounds", "1000"});
  REQUIRE(found.size() == 4);
  CHECK(found[0]["metric"] == "bleu");
  CHECK(found[0]["signature"] == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
  CHECK_THAT(found[0]["score"].get<double>(), WithinAbs(24.89474177016141, 1e-9));
  CHECK_THAT(found[0]["mean"].get<double>(), WithinAbs(24.505617084727202, 1e-4));
  CHECK_THAT(found[0]["interval"].get<double>(), WithinAbs(7.806500818758998, 1e-4));
  CHECK_FALSE(found[0].contains("p"));
  CHECK_THAT(found[1]["score"].get<double>(), WithinAbs(65.66833926868652, 1e-9));
  CHECK_THAT(found[1]["p"].get<double>(), WithinAbs(0.000999000999000999, 1e-12));
  CHECK_THAT(found[1]["sentences"][1].get<double>(), WithinAbs(40.93653765389909, 1e-9));
  CHECK(found[2]["metric"] == "ter");
  CHECK(found[2]["higher_is_better"] == false);
  CHECK(found[2]["score"] == 31.25);
  CHECK(found[3]["score"] == 18.75);
}

TEST_CASE("a tokenizer and further references change scores and signatures") {
  const Files files;
  const Value letters = files.scores({"--metrics", "bleu", "--tokenizer", "char"});
  CHECK_THAT(letters[1]["score"].get<double>(), WithinAbs(77.9198644899926, 1e-9));
  const Value two = files.scores({"--metrics", "chrf"}, {"ref", "a"});
  CHECK(two[0]["score"] == 100);
  CHECK_THAT(two[1]["score"].get<double>(), WithinAbs(74.94625975345264, 1e-9));
  CHECK(two[1]["signature"] == "nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0");
}

TEST_CASE("the table names systems, scores, intervals and p") {
  const Files files;
  Typed typed = files.score({"--metrics", "ter", "--test"});
  CHECK(typed.exit_code == Exit::kDone);
  replace_all(typed.output, files.folder.path().string(), "/dir");
  const size_t rows = typed.output.find('\n') + 1;  // its gaps follow the folder's name
  CHECK(typed.output.substr(rows) ==
        "/dir/a  TER     31.25  ± 10.00\n"
        "/dir/b  TER     18.75  ± 20.00  0.0010\n"
        "ter: nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:2.6.0\n");
}

TEST_CASE("files that do not belong together are refused") {
  const Files files;
  files.write("short", "the cat\n");
  files.write("empty", "");
  CHECK(files.score({}, {"short"}).exit_code == Exit::kSpec);
  CHECK(files.score({}, {"empty"}).exit_code == Exit::kSpec);
  CHECK(files.score({}, {"nowhere"}).exit_code == Exit::kSpec);
  std::string many;
  for (int i = 0; i < 5000; ++i)
    many += "a cat\n";
  files.write("many", many);
  const Typed too_many =
      type({"score", "--hypotheses", files.path("many"), files.path("many"), "--references",
            files.path("many"), "--test", "--rounds", "1000000"});
  CHECK(too_many.exit_code == Exit::kSpec);
  CHECK(files.score({"--test"}, {"a"}).exit_code == Exit::kUsage);
  CHECK(files.score({"--metrics", "chrf", "--tokenizer", "zh"}).exit_code == Exit::kUsage);
  CHECK(files.score({"--metrics", "blue"}).exit_code == Exit::kSpec);
  CHECK(files.score({"--tokenizer", "zhh"}).exit_code == Exit::kSpec);
}

}  // namespace
}  // namespace xp
