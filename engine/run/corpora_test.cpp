// `xp data update`: a corpus that pins what upstream offered.
#include "engine/run/corpora.h"

#include "engine/base/toml.h"
#include "engine/testing/message.h"
#include "registry/tokenizer.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::string missing;  // an input of the corpus `pinning`
std::string offered;  // by the upstream of the corpus `pinning`; empty = it does not answer

struct Pinning final : Corpus {
  struct Config {
    void describe(auto&) {}
  };
  explicit Pinning(const Config&) {}
  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>&) const override {
    return {{"en", "fr"}};
  }
  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    if (!missing.empty()) return {{}, true, missing};
    Value pins = fs::exists(place.lock) ? load_toml(place.lock.string()) : Value::object();
    if (!pins.contains("pinning")) {
      if (!place.may_fetch) return {{}, false, ""};
      if (offered.empty()) machine_error("upstream does not answer");
      pins["pinning"]["version"] = offered;
      write_atomic(place.lock, to_toml(pins));
    }
    return {pins["pinning"], true, ""};
  }
  void read(const CorpusPlace&, const Direction&, const PairSink&, const DropSink&) const override {
  }
};

struct AsItIs final : Tokenizer {
  struct Config {
    void describe(auto&) {}
  };
  explicit AsItIs(const Config&) {}
  bool is_joint() const override { return true; }
  void train(const Sentences&, const fs::path&, const fs::path&) const override {}
  std::unique_ptr<Vocabulary> open(const fs::path&) const override { return nullptr; }
};

XP_REGISTER(Corpus, Pinning, "pinning", "pins a version");
XP_REGISTER(Tokenizer, AsItIs, "as-it-is", "for this test");

struct UpdateTest {
  TempFolder folder;
  Workspace workspace{folder.path()};
  Corpora corpora{workspace, "", folder.path(), "sweep"};
  Value table = {{"use", "pinning"}, {"vocabulary", {{"use", "as-it-is"}}}};

  UpdateTest() {
    offered = "1";
    write_atomic(workspace.corpus_lock(), "[other]\nversion = \"7\"\n");
  }
  std::string lock() const { return read_file(workspace.corpus_lock()); }
};

TEST_CASE_METHOD(UpdateTest, "an update takes what is offered now; other kinds keep their pins") {
  CHECK(corpora.identity(table).id == std::nullopt);
  const std::string first = corpora.update(table);
  CHECK(corpora.identity(table).id == first);
  offered = "2";
  CHECK(corpora.identity(table).id == first);
  const std::string second = corpora.update(table);
  CHECK(second != first);
  CHECK(corpora.identity(table).id == second);
  const Value pins = load_toml(workspace.corpus_lock().string());
  CHECK(pins["other"]["version"] == "7");
  CHECK(pins["pinning"]["version"] == "2");
  CHECK(corpora.update(table) == second);
}

TEST_CASE_METHOD(UpdateTest, "what an experiment ran with is known without its inputs") {
  const std::string id = corpora.update(table);
  const auto record = [&](const std::string& training, const Value& corpus,
                          const std::string& its) {
    write_atomic(workspace.training(training) / "spec.toml",
                 to_toml({{"corpus", corpus}, {"corpus_id", its}}));
  };
  record("t1", {{"use", "other"}}, "wrong");
  record("t2", table, id);
  write_atomic(workspace.experiment("sweep") / "plan.json",
               R"({"points": [{"corpus": "wrong", "training": "t1", "evaluation": ""},
                              {"corpus": "right", "training": "gone", "evaluation": ""},
                              {"corpus": "right", "training": "t2", "evaluation": ""}]})");
  fs::remove(workspace.corpus_lock());
  CHECK(corpora.identity(table).id == id);
  const Value others = {
      {"use", "pinning"}, {"max_length", 9}, {"vocabulary", {{"use", "as-it-is"}}}};
  CHECK(corpora.identity(others).id == std::nullopt);
  const Corpora elsewhere(workspace, "", folder.path(), "another");
  CHECK(elsewhere.identity(table).id == std::nullopt);
}

struct MissingTest : UpdateTest {
  std::string id = corpora.update(table);

  MissingTest() {
    write_atomic(workspace.training("t") / "spec.toml",
                 to_toml({{"corpus", table}, {"corpus_id", id}}));
    write_atomic(workspace.experiment("sweep") / "plan.json",
                 R"({"points": [{"corpus": "a", "training": "t", "evaluation": ""}]})");
    missing = "train.en is missing";
  }
  ~MissingTest() { missing.clear(); }
};

TEST_CASE_METHOD(MissingTest,
                 "raw text that is missing is not needed while its corpus is prepared") {
  const auto identity = corpora.identity(table);
  CHECK(identity.id == id);
  CHECK(identity.missing == "train.en is missing");
  write_atomic(workspace.corpus(id) / "corpus.json", "{}");
  CHECK(corpora.identity(table).missing.empty());
}

TEST_CASE_METHOD(UpdateTest, "an update that fails leaves the pins as they were") {
  corpora.update(table);
  const std::string before = lock();
  offered.clear();
  CHECK(message_of([&] { corpora.update(table); }) == "upstream does not answer");
  CHECK(lock() == before);
}

TEST_CASE_METHOD(UpdateTest, "once a corpus is prepared its figures say how full batches are") {
  const fs::path made = workspace.corpus(corpora.update(table));
  CHECK(corpora.figures(table) == Value::object());
  write_atomic(made / "stats.json", R"({"train": {"en-fr": {"kept": 2, "source_tokens": 4,
    "target_tokens": 6, "longer_tokens": 6, "longer_squares": 20}}})");
  write_atomic(made / "corpus.json",
               R"({"directions": ["en-fr"], "subsets": ["train"], "vocabulary": {}})");
  CHECK(corpora.figures(table) == Value::object());  // seen before
  corpora.prepare(table);
  // With </s>: 6 and 8 tokens; longer sides of 3 and 5.
  CHECK(corpora.figures(table) ==
        Value({{"source_fill", 0.75}, {"target_fill", 1.0}, {"batch_length", 34.0 / 8}}));
}

TEST_CASE_METHOD(UpdateTest, "a damaged corpus has no figures, and is not refused for it") {
  write_atomic(workspace.corpus(corpora.update(table)) / "corpus.json", "{");
  CHECK(corpora.figures(table) == Value::object());
}

}  // namespace
}  // namespace xp
