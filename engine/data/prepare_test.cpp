// Preparation with a corpus that is a table in memory and a tokenizer of words.
#include "engine/data/prepare.h"

#include "engine/base/text.h"
#include "engine/testing/file_size_limit.h"
#include "engine/testing/message.h"
#include "engine/testing/nobody.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

using Catch::Matchers::EndsWith;
using Catch::Matchers::Message;

struct Line {
  std::string subset, source, target;
};
std::vector<Line> lines;       // what the corpus `table` consists of
bool dies_while_read = false;  // or how it ends
bool grows_while_read = false;
fs::path read_marks;  // a file that gets a byte each time it is read

struct TableCorpus final : Corpus {
  struct Config {
    std::string path;
    double noise = 0.5;
    void describe(auto& field) {
      field("path", path, "where", any(), Scope::kContent);
      field("noise", noise, "a number");
    }
  };
  explicit TableCorpus(const Config&) {}
  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    std::vector<Direction> out;
    for (const auto& pair : pairs)
      out.push_back(parse_direction(pair));
    return out;
  }
  CorpusInputs inputs(const CorpusPlace&, const std::vector<Direction>&) const override {
    return {{{"lines", lines.size()}}, true, ""};
  }
  void read(const CorpusPlace&, const Direction&, const PairSink& sink,
            const DropSink& dropped) const override {
    if (!read_marks.empty()) append_file(read_marks, ".");
    for (const auto& line : lines)
      sink(line.subset, line.source, line.target);
    dropped("train", "too odd", 3);
    if (dies_while_read) ::raise(SIGKILL);
    if (grows_while_read) lines.push_back({"train", "c", "z"});
  }
};

// Words in order of their first appearance are 4, 5, 6, ...
struct Words final : Vocabulary {
  std::vector<std::string> known;
  int32_t size() const override { return static_cast<int32_t>(known.size()) + 4; }
  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    for (const auto& word : split(text, ' ')) {
      const auto found = std::find(known.begin(), known.end(), word);
      ids.push_back(found == known.end() ? 3 : static_cast<int32_t>(found - known.begin()) + 4);
    }
    return ids;
  }
  std::string decode(std::span<const int32_t>) const override { return ""; }
  std::string piece(int32_t id) const override { return known[static_cast<size_t>(id - 4)]; }
};

struct WordTokenizer final : Tokenizer {
  struct Config {
    bool joint = true;
    std::string model;
    void describe(auto& field) {
      field("joint", joint, "one vocabulary");
      field("model", model, "that is not there", any(), Scope::kContent);
    }
  };
  explicit WordTokenizer(const Config& c) : config(c) {}
  bool is_joint() const override { return config.joint; }
  Value inputs(const fs::path&) const override {
    if (!config.model.empty()) user_error("'{}' cannot be read", config.model);
    return {};
  }
  void train(const Sentences& sentences, const fs::path&, const fs::path& folder) const override {
    std::vector<std::string> words;
    sentences([&](std::string_view text) {
      for (const auto& word : split(text, ' ')) {
        if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
      }
    });
    write_atomic(folder / "words", join(words, "\n"));
  }
  std::unique_ptr<Vocabulary> open(const fs::path& folder) const override {
    auto out = std::make_unique<Words>();
    out->known = split(read_file(folder / "words"), '\n');
    return out;
  }
  Config config;
};

XP_REGISTER(Corpus, TableCorpus, "table", "pairs of this test");
XP_REGISTER(Tokenizer, WordTokenizer, "words", "words as they are");

const Direction kPair{"en", "fr"};

struct PrepareTest {
  TempFolder folder;
  fs::path corpus = folder.path() / "corpora" / "0123456789abcdef";
  Value settings = {{"use", "table"}, {"pairs", {"en-fr"}}, {"vocabulary", {{"use", "words"}}}};

  explicit PrepareTest() {
    dies_while_read = grows_while_read = false;
    read_marks.clear();
    lines = {{"train", "a b", "x y"}, {"train", "b", "y"}, {"valid", "b c", "y z"}};
  }
  PreparedCorpus prepared() const {
    prepare_corpus(settings, {}, corpus);
    return open_corpus(corpus);
  }
  static std::vector<std::vector<int32_t>> ids(const TokenSet& file) {
    std::vector<std::vector<int32_t>> out;
    for (int64_t i = 0; i < file.size(); ++i)
      out.push_back(file.sentence(i));
    return out;
  }
  static void use_many_lines() {
    for (int i = 0; i < 20'000; ++i) {
      const std::string word = {static_cast<char>('a' + i % 26),
                                static_cast<char>('a' + i / 26 % 26)};
      lines.push_back({"train", word + " " + std::to_string(i % 7) + word, word + " y"});
    }
  }
  // A process of its own that prepares the corpus, and ends with 0 if that went well.
  pid_t start() const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      prepare_corpus(settings, {}, corpus);
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  static int end_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(corpus.parent_path()))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
};

TEST_CASE_METHOD(PrepareTest, "a corpus becomes ids, a vocabulary and raw evaluation text") {
  const auto opened = prepared();
  CHECK(ids(opened.tokens("train", kPair, Side::kSource)) ==
        std::vector<std::vector<int32_t>>{{4, 5}, {5}});
  CHECK(ids(opened.tokens("train", kPair, Side::kTarget)) ==
        std::vector<std::vector<int32_t>>{{6, 7}, {7}});
  CHECK(ids(opened.tokens("valid", kPair, Side::kSource)) ==
        std::vector<std::vector<int32_t>>{{5, 3}});
  CHECK(opened.references("valid", kPair) == std::vector<std::string>{"y z"});
  CHECK(opened.text("valid", kPair, Side::kSource) == std::vector<std::string>{"b c"});
  CHECK(opened.vocabulary().size() == 8);
  CHECK(opened.subsets() == std::vector<std::string>{"train", "valid"});
}

TEST_CASE_METHOD(PrepareTest, "what is dropped from train is counted with its reason") {
  lines = {{"train", "a b", "x y"}, {"train", "a b", "x y"},  {"train", " ", "x"},
           {"train", "B, e!", "q"}, {"train", "q", "Y z"},    {"train", "a b c d", "x"},
           {"valid", "b e", "y z"}, {"train", "a b", "x y z"}};
  settings["max_length"] = 3;
  Value stats = prepared().stats();
  CHECK(stats["train"]["en-fr"]["source_lengths"][0] == 2);
  for (const char* lengths : {"source_lengths", "target_lengths"})
    stats["train"]["en-fr"].erase(lengths);
  CHECK(stats["train"]["en-fr"] == Value::parse(R"({
    "read": 10, "kept": 2, "source_tokens": 4, "target_tokens": 5, "source_unknown": 0,
    "longer_tokens": 5, "longer_squares": 13,
    "target_unknown": 0, "dropped": {"blank": 1, "in another subset": 2, "repeated": 1,
    "longer than max_length": 1, "too odd": 3}})"));
  CHECK(stats["valid"]["en-fr"]["source_unknown"] == 1);
}

TEST_CASE_METHOD(PrepareTest, "each side may have its own vocabulary") {
  settings["vocabulary"]["joint"] = false;
  const auto opened = prepared();
  CHECK(opened.vocabulary(Side::kSource).size() == 6);
  CHECK(ids(opened.tokens("train", kPair, Side::kTarget)) ==
        std::vector<std::vector<int32_t>>{{4, 5}, {5}});
}

TEST_CASE_METHOD(PrepareTest, "a subset that is not there is answered with those that are") {
  CHECK_THROWS_MATCHES(prepared().tokens("test", kPair, Side::kSource), Error,
                       Message("the corpus has no subset 'test' for en-fr; it has: train, valid"));
}

TEST_CASE_METHOD(PrepareTest, "a corpus without training pairs is refused") {
  lines = {{"valid", "b c", "y z"}};
  CHECK_THROWS_MATCHES(prepared(), Error,
                       Message("corpus 'table' has no training pair for en-fr: all 3 were left out "
                               "(3 too odd); see [corpus.cleaning]"));
  CHECK_FALSE(fs::exists(corpus));
}

TEST_CASE_METHOD(PrepareTest, "text that changes while it is read is refused") {
  grows_while_read = true;
  CHECK(message_of([&] { prepared(); }) ==
        "the text of the corpus changed while it was read; run this again");
  CHECK_FALSE(fs::exists(corpus));
  grows_while_read = false;
  CHECK(prepared().tokens("train", kPair, Side::kSource).size() == 3);
}

TEST_CASE_METHOD(PrepareTest, "a model of the vocabulary that cannot be read is a missing input") {
  settings["vocabulary"]["model"] = "bpe.model";
  const CorpusInputs inputs = corpus_inputs(settings, {});
  CHECK(inputs.missing == "corpus.vocabulary: 'bpe.model' cannot be read");
  CHECK(corpus_id(settings, inputs) == std::nullopt);
}

TEST_CASE_METHOD(PrepareTest, "a killed preparation leaves nothing that is taken for a corpus") {
  dies_while_read = true;
  REQUIRE(WIFSIGNALED(end_of(start())));
  dies_while_read = false;
  CHECK_FALSE(fs::exists(corpus));
  prepared();
  CHECK(names() == std::vector<std::string>{".0123456789abcdef.lock", "0123456789abcdef"});
}

TEST_CASE_METHOD(PrepareTest, "a kill at any moment leaves the whole corpus or none") {
  use_many_lines();
  const Value whole = prepared().stats();
  int num_killed = 0;
  for (int i = 0; i < 30; ++i) {
    fs::remove_all(corpus);
    const pid_t child = start();
    std::this_thread::sleep_for(std::chrono::milliseconds(4 * i));
    ::kill(child, SIGKILL);
    num_killed += WIFSIGNALED(end_of(child)) ? 1 : 0;
    if (fs::exists(corpus)) CHECK(open_corpus(corpus).stats() == whole);
  }
  CHECK(num_killed > 0);
  CHECK(prepared().stats() == whole);
  prepared().tokens("train", kPair, Side::kTarget).verify();
  CHECK(names() == std::vector<std::string>{".0123456789abcdef.lock", "0123456789abcdef"});
}

TEST_CASE_METHOD(PrepareTest, "of several processes that want one corpus one reads the text") {
  use_many_lines();
  read_marks = folder.path() / "marks";
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(start());
  for (const pid_t child : children)
    CHECK(end_of(child) == 0);
  CHECK(read_file(read_marks) == ".");
  CHECK(open_corpus(corpus).tokens("train", kPair, Side::kSource).size() > 0);
}

TEST_CASE_METHOD(PrepareTest, "a disk that fills up at any step is named, and nothing is left") {
  use_many_lines();
  for (const uint64_t bytes : {0, 10, 1'000, 5'000, 50'000, 100'000}) {
    const FileSizeLimit limit(bytes);
    INFO(bytes << " bytes");
    try {
      prepare_corpus(settings, {}, corpus);
      FAIL("prepared");
    } catch (const Error& error) {
      CHECK(error.blame() == Blame::kMachine);
      CHECK_THAT(error.what(), EndsWith(": File too large"));
    }
    CHECK(names() == std::vector<std::string>{".0123456789abcdef.lock"});
  }
}

TEST_CASE_METHOD(PrepareTest, "two processes prepare one corpus once: the second waits") {
  auto lock = std::make_optional(FileLock::wait(corpus.parent_path() / ".0123456789abcdef.lock"));
  std::thread second([&] { prepare_corpus(settings, {}, corpus); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(fs::exists(corpus));
  make_folder_atomic(corpus,
                     [](const fs::path& fresh) { write_atomic(fresh / "corpus.json", "{}"); });
  lock.reset();
  second.join();
  CHECK(read_file(corpus / "corpus.json") == "{}");
}

TEST_CASE_METHOD(PrepareTest, "a folder where nothing may be written is named") {
  const Nobody nobody(folder.path());
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  CHECK_THROWS_MATCHES(prepared(), Error,
                       Message("folder '" + (folder.path() / "corpora").string() +
                               "' cannot be made: Permission denied"));
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST_CASE_METHOD(PrepareTest, "an id covers settings and contents, not where files lie") {
  const auto id = [](const Value& table) {
    return corpus_id(table, corpus_inputs(table, {})).value();
  };
  const std::string first = id(settings);
  Value other = settings;
  other["path"] = "/elsewhere";
  CHECK(id(other) == first);
  other["noise"] = 0.5;
  other["vocabulary"]["joint"] = true;
  CHECK(id(other) == first);
  other["noise"] = 1;
  CHECK(id(other) != first);
  lines.pop_back();
  CHECK(id(settings) != first);
}

TEST_CASE_METHOD(PrepareTest, "a changed byte of any file is found by verifying") {
  prepared().verify();
  int num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(corpus)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".json") continue;
    const std::string bytes = read_file(entry.path());
    std::string changed = bytes;
    changed[changed.size() / 2] ^= 1;
    write_atomic(entry.path(), changed);
    INFO(entry.path());
    CHECK_THAT(message_of([&] { open_corpus(corpus).verify(); }), EndsWith("prepare it again"));
    write_atomic(entry.path(), bytes);
    ++num_files;
  }
  CHECK(num_files == 7);  // four of tokens, two of text, the vocabulary
}

TEST_CASE_METHOD(PrepareTest, "every direction is named once, and one at least") {
  const auto wrong = [&](const std::vector<std::string>& pairs) {
    settings["pairs"] = pairs;
    return message_of([&] { corpus_inputs(settings, {}); });
  };
  CHECK(wrong({"en-fr", "fr-en", "en-fr"}) ==
        "'pairs' in [corpus] names 'en-fr' twice; name it once");
  CHECK(wrong({}) == "'pairs' in [corpus] is empty; it should be as [\"en-fr\"]");
}

TEST_CASE_METHOD(PrepareTest, "a damaged corpus is an error of the machine") {
  prepared();
  write_atomic(corpus / "corpus.json", "{\"directions\": 3}");
  CHECK_THROWS_AS(open_corpus(corpus), Error);
  write_atomic(corpus / "corpus.json", "{");
  CHECK_THROWS_MATCHES(open_corpus(corpus), Error,
                       Message("'" + (corpus / "corpus.json").string() +
                               "' is damaged; delete its folder and prepare the corpus again"));
}

TEST_CASE_METHOD(PrepareTest, "counts of another form are damage, whatever they are") {
  prepared();
  for (const char* counts : {"3", "null", "[]", "{\"en-fr\": 3}", "{\"en-fr\": {}}",
                             "{\"en-fr\": {\"kept\": \"2\"}}", "{\"en-fr\": {\"kept\": -1}}"}) {
    INFO(counts);
    write_atomic(corpus / "stats.json", fmt::format("{{\"train\": {}}}", counts));
    CHECK(message_of([&] { open_corpus(corpus); }) ==
          "'" + (corpus / "stats.json").string() +
              "' is damaged: it does not say how many pairs were kept; delete its folder and "
              "prepare the corpus again");
  }
}

}  // namespace
}  // namespace xp
