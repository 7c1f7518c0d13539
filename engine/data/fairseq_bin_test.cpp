// fairseq's files, byte for byte. The bytes below follow from its format; what fairseq itself wrote
// is compared with in plugins/corpus/fairseq_bin_test.cpp.
#include "engine/data/fairseq_bin.h"

#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace xp {
namespace {

struct FairseqTest {
  TempFolder folder;
  fs::path stem = folder.path() / "train.en-fr.en";

  std::string file(const char* ending) const { return stem.string() + ending; }
  void write(int64_t vocabulary_size) const {
    FairseqWriter writer(stem, vocabulary_size);
    writer.add(std::vector<int32_t>{4, 300});
    writer.add(std::vector<int32_t>{});
    writer.finish();
  }
  std::string complaint() const {
    return message_of([&] {
      const FairseqFile opened(stem);
      for (int64_t i = 0; i < opened.size(); ++i)
        opened.sentence(i);
    });
  }
};

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values)
    out += static_cast<char>(value);
  return out;
}

TEST_CASE_METHOD(FairseqTest, "sentences are written as fairseq does, 2 bytes an id") {
  write(1000);
  CHECK(read_file(file(".bin")) == bytes({4, 0, 44, 1, 2, 0, 2, 0}));
  CHECK(read_file(file(".idx")) ==
        std::string("MMIDIDX\0\0", 9) +
            bytes({1, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
                   1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE_METHOD(FairseqTest, "a large vocabulary has 4 bytes an id") {
  write(65500);
  CHECK(read_file(file(".bin")) == bytes({4, 0, 0, 0, 44, 1, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0}));
  CHECK(read_file(file(".idx"))[17] == 9);
}

TEST_CASE_METHOD(FairseqTest, "what was written is read") {
  write(GENERATE(1000, 70000));
  const FairseqFile opened(stem);
  CHECK(opened.size() == 2);
  CHECK(opened.sentence(0) == std::vector<int64_t>{4, 300});
  CHECK(opened.sentence(1).empty());
}

TEST_CASE_METHOD(FairseqTest, "the older form is read as well") {
  const auto words = [](std::initializer_list<int> values) {
    std::string out;
    for (const int value : values)
      out += bytes({value, 0, 0, 0, 0, 0, 0, 0});
    return out;
  };
  write_atomic(file(".idx"),
               std::string("TNTIDX\0\0", 8) + words({1, 4, 4, 2, 2, 0, 1, 2, 0, 3, 4, 3, 1}));
  write_atomic(file(".bin"), bytes({5, 0, 0, 0, 45, 1, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0}));
  const FairseqFile opened(stem);
  CHECK(opened.sentence(0) == std::vector<int64_t>{4, 300});
  CHECK(opened.sentence(1).empty());
}

TEST_CASE_METHOD(FairseqTest, "damaged files are named and never read over their end") {
  write(1000);
  const std::string idx = read_file(file(".idx")), bin = read_file(file(".bin"));
  const std::string end = "; binarise it again";
  write_atomic(file(".idx"), idx.substr(0, 20));
  CHECK(complaint() == "'" + file(".idx") + "' is damaged: it is shorter than its header" + end);
  write_atomic(file(".idx"), "other");
  CHECK(complaint() ==
        "'" + file(".idx") + "' is damaged: it does not begin as fairseq's index files do" + end);
  write_atomic(file(".idx"), idx.substr(0, 49));
  CHECK(complaint() ==
        "'" + file(".idx") + "' is damaged: 49 bytes are not those of 2 sentences" + end);
  std::string wrong = idx;
  wrong[17] = 77;
  write_atomic(file(".idx"), wrong);
  CHECK(complaint() == "'" + file(".idx") + "' is damaged: 77 is not a type of ids" + end);
  write_atomic(file(".idx"), idx);
  write_atomic(file(".bin"), bin.substr(0, 7));
  CHECK(complaint() ==
        "'" + file(".bin") + "' is damaged: sentence 1 lies outside of its 7 bytes" + end);
  fs::remove(file(".bin"));
  CHECK(complaint() == "'" + file(".bin") + "' is missing");
}

TEST_CASE("a dictionary is sorted by count, then by code point, and filled up") {
  const auto made = FairseqDictionary::of_counts(
      {{"a", 2}, {"\xc3\xa9", 5}, {"b", 5}, {"z", 1}, {".", 9}, {"<unk>", 7}}, 2, 0, 8);
  CHECK(made.text() == ". 9\nb 5\n\xc3\xa9 5\na 2\n");
  CHECK(made.size() == 8);
  CHECK(made.id("b") == 5);
  CHECK(made.id("z") == 3);
  CHECK(made.id("</s>") == 2);
  CHECK(made.symbol(7) == "a");
  CHECK(FairseqDictionary::of_counts({{"a", 1}, {"b", 1}}, 0, 1, 8).text() ==
        "a 1\nmadeupword0000 0\nmadeupword0001 0\nmadeupword0002 0\n");
}

TEST_CASE("a dictionary is read as it is written, and what is wrong has its line") {
  const TempFolder folder;
  const fs::path path = folder.path() / "dict.txt";
  const auto load = [&](const std::string& text) {
    write_atomic(path, text);
    return FairseqDictionary::load(path);
  };
  CHECK(load("a b 3\n\xe2\x96\x81x 2\n").text() == "a b 3\n\xe2\x96\x81x 2\n");
  CHECK(load("a 3\nb 2 #fairseq:overwrite\n").id("b") == 5);
  CHECK(load("a 3\r\nb 2 #fairseq:overwrite\r\n").text() == "a 3\nb 2\n");
  CHECK(message_of([&] { load("a 3\nb\n"); }) ==
        path.string() + ":2: 'b' is not a symbol, a space and a count");
  CHECK(message_of([&] { load("a 3\na 2\n"); }) ==
        path.string() +
            ":2: the symbol 'a' is there already; add #fairseq:overwrite to replace it");
}

}  // namespace
}  // namespace xp
