// From words to fairseq's files, and from these to the same corpus.
#include "engine/base/file.h"
#include "engine/data/export.h"
#include "engine/data/prepare.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct FairseqCorpusTest {
  TempFolder folder;
  CorpusPlace place;
  fs::path binary = folder.path() / "binary";

  FairseqCorpusTest() {
    place.downloads = folder.path() / "downloads";
    place.spec_folder = folder.path();
    place.may_fetch = true;
    for (const char* subset : {"train", "valid", "test"}) {
      put(std::string(subset) + ".en",
          "the \xe2\x96\x81"
          "cat\na dog dog\nthe end\n");
      put(std::string(subset) + ".fr",
          "le \xe2\x96\x81"
          "chat\nun chien\nla fin fin fin\n");
    }
  }
  void put(const std::string& name, const std::string& text) const {
    write_atomic(folder.path() / "text" / name, text);
  }
  PreparedCorpus prepared(const Value& settings, const char* name) const {
    prepare_corpus(settings, place, folder.path() / name);
    return open_corpus(folder.path() / name);
  }
  PreparedCorpus words(bool joint) const {
    return prepared({{"use", "moses"},
                     {"path", "text"},
                     {"cleaning", {{"held_out", false}}},
                     {"vocabulary", {{"use", "dictionary"}, {"joint", joint}}}},
                    "words");
  }
  PreparedCorpus binarised() const {
    return prepared({{"use", "fairseq-bin"}, {"path", "binary"}}, "again");
  }
  std::string file(const std::string& name) const { return read_file(binary / name); }
  // Names of the files in one of two folders that the other has not, or has with other bytes.
  static std::vector<std::string> differing(const fs::path& first, const fs::path& second) {
    std::vector<std::string> out;
    for (const auto& [here, there] : {std::pair(first, second), std::pair(second, first)}) {
      for (const auto& entry : fs::directory_iterator(here)) {
        const fs::path name = entry.path().filename();
        if (!fs::exists(there / name) || read_file(here / name) != read_file(there / name))
          out.push_back(name);
      }
    }
    return out;
  }
};

const fs::path kWrittenByFairseq = "engine/data/fairseq";

TEST_CASE_METHOD(FairseqCorpusTest, "a corpus of words is written with fairseq's dictionaries") {
  export_fairseq(words(false), binary);
  CHECK(file("dict.en.txt") ==
        "dog 2\nthe 2\na 1\nend 1\n\xe2\x96\x81"
        "cat 1\nmadeupword0000 0\nmadeupword0001 0\n"
        "madeupword0002 0\nmadeupword0003 0\nmadeupword0004 0\nmadeupword0005 0\n"
        "madeupword0006 0\n");
  CHECK(file("train.en-fr.en.bin") == std::string("\5\0\10\0\2\0\6\0\4\0\4\0\2\0\5\0\7\0\2\0", 20));
  CHECK(fs::file_size(binary / "test.en-fr.fr.idx") == 26 + 12 * 3);
}

TEST_CASE_METHOD(FairseqCorpusTest, "a joint dictionary counts both sides and serves both") {
  export_fairseq(words(true), binary);
  CHECK(file("dict.en.txt") == file("dict.fr.txt"));
  CHECK(file("dict.fr.txt").starts_with("fin 3\ndog 2\nthe 2\n"));
}

TEST_CASE_METHOD(FairseqCorpusTest, "binarised data is used as it is and written back the same") {
  export_fairseq(words(false), binary);
  const auto corpus = binarised();
  CHECK(corpus.tokens("train", {"en", "fr"}, Side::kSource).sentence(1) ==
        std::vector<int32_t>{6, 4, 4});
  CHECK(corpus.vocabulary(Side::kTarget).size() == 16);
  CHECK(corpus.references("test", {"en", "fr"}) ==
        std::vector<std::string>{"le chat", "unchien", "lafinfinfin"});
  export_fairseq(corpus, folder.path() / "back");
  for (const auto& entry : fs::directory_iterator(binary))
    CHECK(read_file(folder.path() / "back" / entry.path().filename()) == read_file(entry.path()));
}

TEST_CASE_METHOD(FairseqCorpusTest, "planning knows how large the dictionaries are") {
  export_fairseq(words(false), binary);
  const Value settings = {{"use", "fairseq-bin"}, {"path", "binary"}};
  place.may_fetch = false;
  const auto sizes = corpus_dictionary_sizes(settings, place);
  REQUIRE(sizes.has_value());
  CHECK(sizes->source == 16);
  CHECK(sizes->target == 16);
  fs::remove(binary / "dict.fr.txt");
  CHECK_FALSE(corpus_dictionary_sizes(settings, place)->target.has_value());
  CHECK_FALSE(corpus_dictionary_sizes({{"use", "moses"}, {"path", "text"}}, place).has_value());
}

TEST_CASE_METHOD(FairseqCorpusTest,
                 "of fairseq's own text come fairseq's own files, byte for byte") {
  place.spec_folder = fs::current_path();
  Value settings = {{"use", "moses"},
                    {"path", kWrittenByFairseq.string()},
                    {"test", ""},
                    {"cleaning", {{"held_out", false}, {"repeated", false}}},
                    {"vocabulary", {{"use", "dictionary"}}}};
  export_fairseq(prepared(settings, "one"), binary / "joined");
  CHECK(differing(binary / "joined", kWrittenByFairseq / "joined").empty());
  settings["vocabulary"].update({{"joint", false}, {"threshold", 2}});
  export_fairseq(prepared(settings, "two"), binary / "separate");
  CHECK(differing(binary / "separate", kWrittenByFairseq / "separate").empty());
}

TEST_CASE_METHOD(FairseqCorpusTest, "fairseq's own files are read, and written back the same") {
  place.spec_folder = fs::current_path();
  for (const char* name : {"joined", "separate"}) {
    const auto corpus = prepared(
        {{"use", "fairseq-bin"}, {"path", (kWrittenByFairseq / name).string()}, {"joins", "none"}},
        name);
    CHECK(corpus.text("valid", {"en", "fr"}, Side::kSource)[2] == "the train is old");
    export_fairseq(corpus, binary / name);
    CHECK(differing(binary / name, kWrittenByFairseq / name).empty());
  }
}

TEST_CASE_METHOD(FairseqCorpusTest,
                 "the other direction's names are accepted, and train1 follows") {
  export_fairseq(words(false), binary);
  for (const char* name : {"train.en-fr.en", "train.en-fr.fr"}) {
    for (const char* ending : {".bin", ".idx"}) {
      const std::string from = std::string(name) + ending;
      fs::copy(binary / from, binary / ("train1" + from.substr(5)));
    }
  }
  const auto corpus =
      prepared({{"use", "fairseq-bin"}, {"path", "binary"}, {"pairs", {"fr-en"}}}, "again");
  const auto tokens = corpus.tokens("train", {"fr", "en"}, Side::kTarget);
  CHECK(tokens.size() == 6);
  CHECK(tokens.sentence(4) == std::vector<int32_t>{6, 4, 4});
}

TEST_CASE_METHOD(FairseqCorpusTest, "files that do not belong together are refused") {
  const auto read = [&] { return message_of([&] { binarised(); }); };
  export_fairseq(words(false), binary);
  write_atomic(binary / "dict.en.txt", "dog 2\n");
  CHECK(read() ==
        "'" + (folder.path() / "binary/train.en-fr.en").string() +
            ".bin' has the id 5 and its dictionary 5 entries; they do not belong together");
  fs::remove(folder.path() / "binary/dict.en.txt");
  CHECK(read() == "'" + (folder.path() / "binary/dict.en.txt").string() +
                      "' is missing; fairseq-preprocess writes it");
}

}  // namespace
}  // namespace xp
