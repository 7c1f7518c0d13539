// Two evaluations of the same text, compared and scored again as a person types it.
#include "engine/base/toml.h"
#include "engine/cli/commands/typing_fixture.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/data/prepare.h"
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
                          "1)\n") != std::string::npos);
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

TEST_CASE("runs and files are not scored together") {
  const TwoRuns runs;
  CHECK(runs.typed({"score"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "--hypotheses", "x"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "aaaa", "--hypotheses", "x"}).exit_code == Exit::kUsage);
  CHECK(runs.typed({"score", "aaaa", "--test"}).exit_code == Exit::kUsage);
}

}  // namespace
}  // namespace xp
