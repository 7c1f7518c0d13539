// Two evaluations of the same text, compared and scored again as a person types it.
#include "engine/base/toml.h"
#include "engine/cli/commands/typed_metrics.h"
#include "engine/cli/commands/typing_fixture.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/data/prepare.h"
#include "engine/testing/message.h"
#include "results/runs/sentences.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

namespace xp {
namespace {

using Catch::Matchers::WithinAbs;

const std::string kA = "aaaa000000000000", kB = "bbbb000000000000";

/// A corpus of three sentences for testing, and two evaluations that translated them.
struct TwoRuns {
  TwoRuns() {
    text("train", "one two three\nfour five six\n", "un deux trois\nquatre cinq six\n");
    text("valid", "one six\n", "un six\n");
    text("test", "one\none two three\nfour two\n", "un\nun deux trois\nquatre deux\n");
    const Value settings = {{"use", "moses"},
                            {"path", "text"},
                            {"pairs", {"en-fr"}},
                            {"vocabulary", {{"use", "dictionary"}}}};
    CorpusPlace place;
    place.spec_folder = folder.path();
    prepare_corpus(settings, place, workspace.corpus("c0ffee"));
    evaluation(kA, "c0ffee", "un\nun deux\nquatre deux\n");
    evaluation(kB, "c0ffee", "le\nun deux trois\nquatre deux\n");
  }
  void text(const std::string& subset, const std::string& english, const std::string& french) {
    write_atomic(folder.path() / "text" / (subset + ".en"), english);
    write_atomic(folder.path() / "text" / (subset + ".fr"), french);
  }
  void evaluation(const std::string& id, const std::string& corpus, const std::string& hypotheses) {
    const fs::path run = workspace.evaluation(id);
    const Value spec = {{"corpus_id", corpus}, {"eval", {{"subsets", {"test"}}}}};
    write_atomic(run / "spec.toml", to_toml(spec));
    write_atomic(hypotheses_file(run, "test", "en-fr"), hypotheses);
    write_status(run, {State::kDone, 1, 0, 0, "", Value::object()});
  }
  Typed typed(std::vector<std::string> words) const {
    words.insert(words.end(), {"--workspace", workspace.root.string()});
    return type(words);
  }
  TempFolder folder;
  Workspace workspace{folder.path() / "ws"};
};

TEST_CASE("sentences that differ are printed side by side, the largest difference first") {
  const TwoRuns runs;
  const Typed shown = runs.typed({"compare", "aaaa", "bbbb"});
  CHECK(shown.exit_code == Exit::kDone);
  CHECK(
      shown.output.starts_with("A = evaluation aaaa000000000000, B = evaluation "
                               "bbbb000000000000\nen-fr: chrF "));
  CHECK(shown.output.find("B is better in 1 sentences, worse in 1, equal in 1 (the same text in "
                          "1)\nwin rate of B, ties counted half: 50.0 %\n") != std::string::npos);
  CHECK(shown.output.find("\n\nen-fr 1: 100.0 -> 0.0 (-100.0)\n"
                          "  source     one\n"
                          "  reference  un\n"
                          "  A          un\n"
                          "  B          le\n"
                          "\n"
                          "en-fr 2: ") != std::string::npos);
  CHECK(shown.output.find("en-fr 3") == std::string::npos);
}

TEST_CASE("what comes first and how much can be chosen") {
  const TwoRuns runs;
  const auto first = [&](const std::string& order) {
    const Typed typed =
        runs.typed({"compare", "aaaa", "bbbb", "--sort", order, "--limit", "1", "--json"});
    const Value sentences = Value::parse(typed.output)["sentences"];
    REQUIRE(sentences.size() == 1);
    return sentences[0]["line"].get<int>();
  };
  CHECK(first("gain") == 2);
  CHECK(first("loss") == 1);
  CHECK(first("length") == 2);
  CHECK(runs.typed({"compare", "aaaa", "bbbb", "--limit", "1"})
            .output.ends_with("\n1 more differ; --limit 0 prints all\n"));
}

TEST_CASE("a comparison as JSON has texts, scores and counts") {
  const TwoRuns runs;
  const Value found =
      Value::parse(runs.typed({"compare", "aaaa", "bbbb", "--metric", "ter", "--json"}).output);
  CHECK(found["a"] == kA);
  CHECK(found["b"] == kB);
  CHECK(found["metric"] == "TER");
  CHECK(found["higher_is_better"] == false);
  CHECK(found["wins"] == 1);
  CHECK(found["losses"] == 1);
  CHECK(found["ties"] == 1);
  CHECK(found["same_text"] == 1);
  CHECK(found["win_rate"] == 0.5);
  CHECK(found["totals"][0]["direction"] == "en-fr");
  const Value& one = found["sentences"][0];
  CHECK(one["line"] == 1);
  CHECK(one["source"] == "one");
  CHECK(one["reference"] == "un");
  CHECK(one["a"] == Value{{"text", "un"}, {"score", 0.0}});
  CHECK(one["b"] == Value{{"text", "le"}, {"score", 100.0}});
  CHECK(one["gain"] == -100.0);
}

TEST_CASE("runs that cannot be compared are a mistake of the command line") {
  const TwoRuns runs;
  const auto refuses = [&](const std::vector<std::string>& words) {
    const Typed typed = runs.typed(words);
    CHECK(typed.output.empty());
    return typed.exit_code;
  };
  CHECK(refuses({"compare", "aaaa"}) == Exit::kUsage);
  CHECK(refuses({"compare", "aaaa", "bbbb", "--subset", "valid"}) == Exit::kUsage);
  CHECK(refuses({"compare", "aaaa", "bbbb", "--direction", "en-de"}) == Exit::kUsage);
  CHECK(refuses({"compare", "aaaa", "bbbb", "--sort", "colour"}) == Exit::kUsage);
  // Cut off.
  write_atomic(hypotheses_file(runs.workspace.evaluation(kB), "test", "en-fr"), "un\n");
  CHECK(refuses({"compare", "aaaa", "bbbb"}) == Exit::kMachine);
  write_status(runs.workspace.evaluation(kB), {State::kFailed, 1, 0, 0, "", Value::object()});
  CHECK(refuses({"compare", "aaaa", "bbbb"}) == Exit::kUsage);
}

TEST_CASE("runs are scored again by other metrics") {
  const TwoRuns runs;
  const Typed typed = runs.typed({"score", "aaaa", "bbbb", "--metrics", "ter", "--json"});
  CHECK(typed.exit_code == Exit::kDone);
  const Value scores = Value::parse(typed.output)["scores"];
  REQUIRE(scores.size() == 2);
  CHECK(scores[0]["system"] == kA);
  CHECK(scores[0]["subset"] == "test");
  CHECK(scores[0]["direction"] == "en-fr");
  CHECK(scores[0]["metric"] == "ter");
  CHECK_THAT(scores[0]["score"].get<double>(), WithinAbs(100.0 / 6, 1e-9));
  CHECK(scores[1]["system"] == kB);
  CHECK_THAT(scores[1]["score"].get<double>(), WithinAbs(100.0 / 6, 1e-9));
  CHECK(runs.typed({"score", "aaaa", "--metrics", "ter"})
            .output.starts_with("text        system            metric  score\n"
                                "test en-fr  aaaa000000000000  TER     16.67\n"));
}

constexpr const char* kMetrics =
    "bleu, bleu-char, bleu-intl, bleu-zh, chrf, chrf++, command, length, off-target, ter";

// A program that counts the letters of each translation, and notes each time that it runs.
struct WithProgram : TwoRuns {
  fs::path ran = folder.path() / "ran";
  Value mine = {{"use", "command"},
                {"command",
                 {"sh", "-c", "echo x >> " + ran.string() + "; awk '{print length($0)}' \"$1\"",
                  "letters", "{hypothesis}"}}};

  WithProgram() {
    for (const auto& id : {kA, kB}) {
      const fs::path file = workspace.evaluation(id) / "spec.toml";
      Value spec = load_toml(file.string());
      spec["eval"]["metric"]["mine"] = mine;
      write_atomic(file, to_toml(spec));
    }
  }
  size_t runs() const { return read_if_there(ran).value_or("").size() / 2; }
};

TEST_CASE_METHOD(WithProgram, "runs are scored by programs of their experiment, once") {
  const Typed first = typed({"score", "aaaa", "bbbb", "--metrics", "mine", "--test", "--json"});
  CHECK(first.exit_code == Exit::kDone);
  const Value scores = Value::parse(first.output)["scores"];
  REQUIRE(scores.size() == 2);
  CHECK(scores[0]["metric"] == "mine");
  CHECK_THAT(scores[0]["score"].get<double>(), WithinAbs(20.0 / 3, 1e-9));  // 2, 7, 11
  CHECK_THAT(scores[1]["score"].get<double>(), WithinAbs(26.0 / 3, 1e-9));  // 2, 13, 11
  CHECK(scores[1].contains("p"));
  const Typed compared = typed({"compare", "aaaa", "bbbb", "--metric", "mine", "--json"});
  CHECK(Value::parse(compared.output)["wins"] == 1);
  CHECK(runs() == 2);
}

TEST_CASE_METHOD(WithProgram, "settings of metrics that are typed win, and are checked") {
  const auto code = [&](const std::string& set) {
    return typed({"score", "aaaa", "--metrics", "mine", "--set", set}).exit_code;
  };
  CHECK(code("mine.pattern=(\\d)$") == Exit::kDone);
  CHECK(code("mine") == Exit::kUsage);
  CHECK(code("mine.timeout=5") == Exit::kSpec);
  const auto message = [&](const std::string& set) {
    Value tables = {{"mine", mine}};
    set_metric_settings({set}, tables);
    return message_of([&] { typed_metric("mine", tables); });
  };
  CHECK(message("mine.timeout=5") ==
        "the metric 'mine' has no setting 'timeout', did you mean 'timeout_s'?; `xp components "
        "command` lists them");
  CHECK(message("mine.timeout_s=0") == "'timeout_s' of the metric 'mine' is 0; must be above 0 s");
  CHECK(message("mine.use=comand") ==
        "no metric named 'comand', did you mean 'command'? known: " + std::string(kMetrics));
  CHECK(message("mine.command=[\"nowhere\", \"{input}\"]") ==
        "there is no program 'nowhere' here; install it, or name its file");
  CHECK(message_of([&] { set_metric_settings({"mine.=1"}, mine); }) ==
        "--set takes NAME.KEY=VALUE, such as bleu.tokenizer=zh, not 'mine.=1'");
}

TEST_CASE("runs and files are not scored together") {
  const TwoRuns runs;
  CHECK(runs.typed({"score"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "--hypotheses", "x"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "aaaa", "--hypotheses", "x"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "aaaa", "--test"}).exit_code == Exit::kUsage);
}

}  // namespace
}  // namespace xp
