// What may be scored again without decoding.
#include "results/runs/decodings.h"

#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

Value settings() {
  return {{"corpus_id", "c1"},
          {"training_id", "a1"},
          {"launch", {{"threads_per_rank", 1}}},
          {"eval", {{"beam", 5}, {"metrics", {"bleu"}}, {"subsets", {"test"}}}}};
}

TEST_CASE("metrics, subsets and threads do not change how is decoded, all else does") {
  const std::string key = decoding_key(settings());
  Value other = settings();
  other["eval"]["metrics"] = {"bleu", "chrf"};
  other["eval"]["metric"] = {{"chrf", {{"lowercase", true}}}};
  other["eval"]["subsets"] = {"test", "valid"};
  other["launch"]["threads_per_rank"] = 4;
  CHECK(decoding_key(other) == key);
  for (const auto& [path, value] :
       std::vector<std::pair<std::string, Value>>{{"eval.beam", 4},
                                                  {"corpus_id", "c2"},
                                                  {"training_id", "a2"},
                                                  {"micro_batch_split", 2}}) {
    INFO(path);
    other = settings();
    set_path(other, path, value);
    CHECK(decoding_key(other) != key);
  }
}

// A training that ended at 100 s.
struct Trained {
  Trained() { write_status(training, {State::kDone, 1, 50, 100, "", Value::object()}); }
  std::vector<fs::path> found(const std::string& key = "key") const {
    return noted_decodings(training, key);
  }
  TempFolder folder;
  Workspace workspace{folder.path()};
  fs::path training = workspace.training("a1");
};

TEST_CASE("evaluations that decoded alike are found, the latest first") {
  const Trained trained;
  CHECK(trained.found().empty());
  note_decoding(trained.training, "key", "b1", 110);
  note_decoding(trained.training, "key", "b3", 130.5);
  CHECK(trained.found() ==
        std::vector{trained.workspace.evaluation("b3"), trained.workspace.evaluation("b1")});
  CHECK(trained.found("other").empty());
}

TEST_CASE("decodings of an earlier training and damaged notes do not count") {
  const Trained trained;
  note_decoding(trained.training, "key", "b1", 90);  // since then it was trained again
  note_decoding(trained.training, "key", "../evaluations/b1", 110);
  append_file(trained.training / "decodings" / "key", "b2\nb3 \nb4 soon\n\nb5 110 1\nb");
  CHECK(trained.found().empty());
}

TEST_CASE("translations that are cut off or of another text are decoded again") {
  const TempFolder folder;
  const fs::path file = folder.path() / "test.en-fr.txt";
  CHECK_FALSE(read_translations(file, 2));
  write_atomic(file, "un\n\n");
  CHECK(read_translations(file, 2) == std::vector<std::string>{"un", ""});
  CHECK_FALSE(read_translations(file, 3));
  write_atomic(file, "un\ndeu");
  CHECK_FALSE(read_translations(file, 2));
}

}  // namespace
}  // namespace xp
