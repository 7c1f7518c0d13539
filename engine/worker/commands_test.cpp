// Training and evaluation as a rank does them, from a run folder to its status.
#include "engine/worker/commands.h"

#include "engine/base/toml.h"
#include "engine/data/corpus_fixture.h"
#include "results/runs/checkpoints.h"
#include "results/runs/records.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>
#include <spdlog/spdlog.h>

namespace xp {
namespace {

XP_REGISTER(Tokenizer, NumberTokenizer, "numbers", "ids of this test");

/// A run folder of a tiny model, and its corpus of two directions.
struct WorkerTest : CorpusFixture {
  WorkerTest() {
    put_many();
    put({{10, 10}, {11}}, "en-fr", "test");
    arguments.corpus = folder.path();
    arguments.device = "cpu";
    spec = {{"corpus", settings},
            {"model",
             {{"use", "transformer"},
              {"encoder_layers", 1},
              {"decoder_layers", 1},
              {"width", 8},
              {"ffn_width", 16},
              {"heads", 2},
              {"moe", {{"every", 0}}}}},
            {"train",
             {{"max_updates", 4},
              {"max_tokens", 400},
              {"validate_every", 2},
              {"save_every", 2},
              {"keep", 2},
              {"optimizer", {{"use", "adam"}, {"lr", 0.003}}},
              {"schedule", {{"use", "constant"}}}}},
            {"eval", {{"beam", 1}, {"subsets", {"test"}}, {"metrics", {"chrf"}}}}};
  }
  ~WorkerTest() { spdlog::set_default_logger(logger); }

  int train() {
    arguments.folder = training;
    write_atomic(training / "spec.toml", to_toml(spec));
    arguments.attempt = attempt_number(next_attempt(training));
    return train_command(arguments);
  }
  int evaluate() {
    arguments.folder = evaluation;
    arguments.training = training;
    write_atomic(evaluation / "spec.toml", to_toml(spec));
    arguments.attempt = attempt_number(next_attempt(evaluation));
    return evaluate_command(arguments);
  }

  std::shared_ptr<spdlog::logger> logger = spdlog::default_logger();
  TempFolder runs;
  fs::path training = runs.path() / "training", evaluation = runs.path() / "evaluation";
  WorkerArguments arguments;
  Value spec;
};

TEST_CASE_METHOD(WorkerTest,
                 "a corpus without validation pairs trains, and its last model counts") {
  CHECK(train() == 0);
  const Status status = read_status(training);
  CHECK(status.state == State::kDone);
  CHECK(status.summary["updates"] == 4);
  CHECK(status.summary["best_update"] == 4);
  CHECK(status.summary["memory_bytes"] > 0);
  CHECK(finished_checkpoint(training, "best") == checkpoint_file(training / "checkpoints", 4));
}

TEST_CASE_METHOD(WorkerTest, "a corpus with validation pairs is validated") {
  put({{12, 12}, {13}}, "en-fr", "valid");
  CHECK(train() == 0);
  CHECK(read_status(training).summary.contains("valid_bleu"));
}

TEST_CASE_METHOD(WorkerTest, "a direction without the subset is left out of the scores") {
  REQUIRE(train() == 0);
  CHECK(evaluate() == 0);
  const auto scores = read_scores(evaluation);
  REQUIRE(scores.size() == 1);
  CHECK(scores[0].subset == "test");
  CHECK(scores[0].direction == "en-fr");
  CHECK(read_status(evaluation).state == State::kDone);
}

TEST_CASE_METHOD(WorkerTest, "an average is evaluated as such, of checkpoints that are there") {
  REQUIRE(train() == 0);
  spec["eval"]["average"] = 2;
  CHECK(evaluate() == 0);
  spec["eval"]["average"] = 3;
  CHECK_THROWS_AS(evaluate(), Error);
}

TEST_CASE_METHOD(WorkerTest, "a training that diverges has an exit code of its own") {
  spec["train"]["optimizer"]["lr"] = 1e38;
  CHECK(train() == 65);
  CHECK(read_status(training).state == State::kNew);
}

}  // namespace
}  // namespace xp
