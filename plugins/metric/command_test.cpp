// Programs that score: what they are given, what is taken from them, and every way to fail.
#include "engine/base/file.h"
#include "engine/testing/message.h"
#include "registry/metric.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

struct CommandTest {
  Texts sources = {"a cat", "two \"dogs\"", "rain"}, hypotheses = {"un chat", "deux", ""},
        references = {"un chat", "deux chiens", "la pluie"}, others = {"le chat", "x", ""};
  TempFolder folder;

  Translations texts() const { return {sources, hypotheses, references}; }
  std::unique_ptr<Metric> metric(const Texts& command, Value more = Value::object()) const {
    more["use"] = "command";
    more["command"] = command;
    return make_part<Metric>(more);
  }
  /// A shell script.
  Texts shell(const std::string& script) const { return {"sh", "-c", script, "score"}; }
  std::unique_ptr<Metric> script(const std::string& text, Value more = Value::object(),
                                 const Texts& words = {"{hypothesis}"}) const {
    Texts command = shell(text);
    command.insert(command.end(), words.begin(), words.end());
    return metric(command, std::move(more));
  }
  std::vector<int64_t> counts(const Metric& of) const {
    return of.sentence_counts(texts()).numbers;
  }
  std::string message(const std::string& text, Value more = Value::object()) const {
    const auto made = script(text, std::move(more));
    return message_of([&] { made->sentence_counts(texts()); });
  }
};

TEST_CASE_METHOD(CommandTest,
                 "each line is the score of a sentence, and the mean that of the text") {
  const auto made = script("printf '0.5\\n-1\\n2.25\\n'", {{"unit", "points"}});
  CHECK(counts(*made) == std::vector<int64_t>{500000, 1, -1000000, 1, 2250000, 1});
  const auto scores = made->score(texts());
  REQUIRE(scores.size() == 1);
  CHECK(std::abs(scores[0].value - 1.75 / 3) < 1e-12);
  CHECK(scores[0].unit == "points");
  CHECK(scores[0].higher_is_better);
  CHECK(scores[0].signature ==
        "nrefs:1|command:sh -c printf '0.5\\n-1\\n2.25\\n' score {hypothesis}");
}

TEST_CASE_METHOD(CommandTest, "small scores are scaled so that reports can tell them apart") {
  const auto made = script("printf '0.851\\n0.852\\n0.853\\n'", {{"scale", 100}, {"version", "2"}});
  const auto scores = made->score(texts());
  CHECK(std::abs(scores[0].value - 85.2) < 1e-9);
  CHECK(scores[0].signature.ends_with("score {hypothesis}|scale:100|version:2"));
}

TEST_CASE_METHOD(CommandTest, "a metric has the name of its table") {
  const Value tables = {{"mine",
                         {{"use", "command"},
                          {"command", Texts{"sh", "-c", "seq 3", "{hypothesis}"}},
                          {"higher_is_better", false}}}};
  const auto scores = make_metric("mine", tables)->score(texts());
  CHECK(scores[0].name == "mine");
  CHECK(scores[0].label == "mine");
  CHECK(scores[0].value == 2);
  CHECK_FALSE(scores[0].higher_is_better);
  CHECK(make_metric("mine", tables)->sample()[0].name == "mine");  // runs nothing
}

TEST_CASE_METHOD(CommandTest, "texts come as files of lines") {
  const std::string out = (folder.path() / "seen").string();
  Translations given = texts();
  given.more_references = {others};
  given.source_language = "en";
  given.target_language = "pt_BR";
  script("cat \"$1\" \"$2\" \"$4\" > " + out + "; echo $# $5 >> " + out + "; seq 3", {},
         {"{source}", "{hypothesis}", "{references}", "{source_language}>{target_language}"})
      ->sentence_counts(given);
  CHECK(read_file(out) == "a cat\ntwo \"dogs\"\nrain\nun chat\ndeux\n\nle chat\nx\n\n5 en>pt_BR\n");
}

TEST_CASE_METHOD(CommandTest, "texts come as JSON lines, scores go to a file") {
  const std::string out = (folder.path() / "seen").string();
  const auto none = script("echo done", {}, {"{input}", "{scores}"});
  CHECK(message_of([&] { counts(*none); }) == "'sh' wrote no file {scores}");
  const auto good = script("sed -n 2p \"$1\" > " + out + "; seq 3 > \"$2\"; echo done", {},
                           {"{input}", "{scores}"});
  CHECK(counts(*good) == std::vector<int64_t>{1000000, 1, 2000000, 1, 3000000, 1});
  CHECK(Value::parse(read_file(out)) == Value{{"source", "two \"dogs\""},
                                              {"hypothesis", "deux"},
                                              {"reference", "deux chiens"},
                                              {"references", {"deux chiens"}}});
}

TEST_CASE_METHOD(CommandTest, "a pattern finds the scores in what a program says") {
  const std::string says =
      "echo starting; for i in 0 1 2; do echo \"hyp.txt Segment $i score: 0.$i\"; done;"
      "echo 'hyp.txt score: 0.1'";
  const auto made = script(says, {{"pattern", "Segment \\d+\\s+score: (\\S+)"}});
  CHECK(counts(*made) == std::vector<int64_t>{0, 1, 100000, 1, 200000, 1});
  CHECK(message_of([&] {
          script("", {{"pattern", "score: \\S+"}});
        }) == "'pattern' has no group; put the score in brackets: \"score: (\\S+)\"");
  CHECK(message_of([&] {
          script("", {{"pattern", "("}});
        }).starts_with("'pattern' is no regular expression: "));
}

TEST_CASE_METHOD(CommandTest, "a program that cannot be used is refused before it is needed") {
  const auto refused = [&](const Texts& command) {
    const auto made = metric(command);
    return message_of([&] { made->require_usable(); });
  };
  CHECK(refused({}) == "'command' is empty; name the program that scores, and its words");
  CHECK(refused({"no-such-scorer", "{hypothesis}"}) ==
        "there is no program 'no-such-scorer' here; install it, or name its file");
  CHECK(refused({"/etc/passwd", "{input}"}) ==
        "there is no program '/etc/passwd' here; install it, or name its file");
  CHECK(refused({"sh", "-c", "seq 3"}) ==
        "the command 'sh -c seq 3' is not given the translations; write {hypothesis} or {input} "
        "where their file belongs");
  CHECK(message_of([&] {
          metric({"sh", "{hypotheses}"});
        }) == "'command' has '{hypotheses}', did you mean '{hypothesis}'?");
  CHECK_NOTHROW(metric({"sh", "-c", "echo {\"a\": 1}", "{hypothesis}"}));
  Translations without = texts();
  without.sources = {};
  const auto made = script("seq 3", {}, {"{source}", "{hypothesis}"});
  CHECK(message_of([&] { made->sentence_counts(without); }) ==
        "'sh' reads the source, which is not given");
}

TEST_CASE_METHOD(CommandTest, "what a failing program says is passed on") {
  CHECK(message("seq 3; echo first >&2; echo 'no model here' >&2; exit 3") ==
        "'sh' ended with code 3: no model here");
  CHECK(message("kill -9 $$") == "'sh' was killed by signal 9");
  CHECK(
      message("echo loading >&2; sleep 600", {{"timeout_s", 0.2}})
          .starts_with("'sh' took more than 0.2 s and was ended; raise 'timeout_s' of the metric"));
}

TEST_CASE_METHOD(CommandTest, "anything but a number for each sentence is an error") {
  CHECK(message("seq 2; echo 'out of memory' >&2") ==
        "'sh' printed 2 scores for 3 sentences: out of memory");
  CHECK(message("seq 4") == "'sh' printed 4 scores for 3 sentences");
  CHECK(message("true") == "'sh' printed 0 scores for 3 sentences");
  CHECK(message("echo 1; echo; echo 3") ==
        "'sh' printed '' as the score of sentence 2; must be a number up to 1000000; 'pattern' of "
        "the metric finds scores in other text");
  for (const char* wrong : {"nan", "inf", "1e7", "0.5 0.6", "0,5"}) {
    INFO(wrong);
    CHECK(message(fmt::format("echo '{}'; seq 2", wrong))
              .starts_with(fmt::format("'sh' printed '{}' as the score of sentence 1", wrong)));
  }
}

TEST_CASE_METHOD(CommandTest, "what a program left running is ended with it") {
  const std::string file = (folder.path() / "late").string();
  counts(*script("(sleep 0.2; echo late > " + file + ") & seq 3"));
  counts(*script("sleep 0.6; seq 3"));
  CHECK_FALSE(fs::exists(file));
}

struct CachedTest : CommandTest {
  std::string ran = (folder.path() / "ran").string();
  Texts command = shell("echo x >> " + ran + "; seq 3");

  CachedTest() { command.emplace_back("{hypothesis}"); }
  Translations kept() const {
    Translations out = texts();
    out.cache = folder.path() / "scores";
    return out;
  }
  size_t runs() const { return read_if_there(ran).value_or("").size() / 2; }
};

TEST_CASE_METHOD(CachedTest, "a program runs once for the same texts") {
  const auto first = metric(command)->sentence_counts(kept());
  CHECK(metric(command)->sentence_counts(kept()).numbers == first.numbers);
  CHECK(runs() == 1);
  hypotheses[1] = "deux chats";
  metric(command)->sentence_counts(kept());
  CHECK(runs() == 2);
  metric(command, {{"pattern", "(\\d)"}})->sentence_counts(kept());
  CHECK(runs() == 3);
  // The source is not read, and so does not matter.
  sources[0] = "the cat";
  metric(command)->sentence_counts(kept());
  CHECK(runs() == 3);
}

TEST_CASE_METHOD(CachedTest, "a script that was edited runs again") {
  const fs::path file = folder.path() / "score.sh";
  write_atomic(file, "echo x >> " + ran + "; seq 3\n");
  command = {"sh", file.string(), "{hypothesis}"};
  metric(command)->sentence_counts(kept());
  metric(command)->sentence_counts(kept());
  CHECK(runs() == 1);
  write_atomic(file, "echo x >> " + ran + "; seq 2 4\n");
  CHECK(metric(command)->sentence_counts(kept()).numbers[0] == 2000000);
  CHECK(runs() == 2);
}

TEST_CASE_METHOD(CachedTest, "kept scores that are damaged are made anew, failures are not kept") {
  metric(command)->sentence_counts(kept());
  for (const auto& entry : fs::directory_iterator(kept().cache))
    write_atomic(entry.path(), "1\n2");
  CHECK(metric(command)->sentence_counts(kept()).numbers[2] == 2000000);
  CHECK(runs() == 2);
  const Texts failing = {"sh", "-c", "seq 3; exit 1", "{hypothesis}"};
  CHECK(message_of([&] { metric(failing)->sentence_counts(kept()); }) == "'sh' ended with code 1");
  CHECK(std::distance(fs::directory_iterator(kept().cache), {}) == 1);
}

TEST_CASE("translations in another script than the target language's are counted") {
  const Texts texts = {"Guten Tag", "добрый день", "12:30", ""}, references = {"a", "b", "c", "d"};
  const auto metric = make_metric("off-target", {});
  CHECK(metric->score({{}, texts, references, "en", "de"})[0].value == 25);
  CHECK(metric->score({{}, texts, references, "en", "ru"})[0].value == 25);
  CHECK(metric->score({{}, texts, references, "en", "sr"})[0].value == 0);  // in two scripts
  CHECK_FALSE(metric->score({{}, texts, references, "en", "ru"})[0].higher_is_better);
}

}  // namespace
}  // namespace xp
