// Aligned files through the interface of kind `corpus`.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/data/prepare.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;

struct MosesTest {
  TempFolder folder;
  CorpusPlace place;
  Value settings = {{"use", "moses"}, {"path", "text"}};
  std::vector<Direction> directions = {{"en", "fr"}};

  MosesTest() {
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
    place.spec_folder = folder.path();
    place.may_fetch = true;
    for (const char* stem : {"train", "valid", "test"}) {
      put(std::string(stem) + ".en", "one\ntwo\n");
      put(std::string(stem) + ".fr", "un\ndeux\n");
    }
  }
  std::string path(const std::string& name) const {
    return (folder.path() / "text" / name).string();
  }
  void put(const std::string& name, const std::string& bytes) const {
    write_atomic(path(name), bytes);
  }
  std::string read() const {
    std::string out;
    const auto corpus = make_part<Corpus>(settings);
    corpus->read(
        place, directions[0],
        [&](auto subset, auto source, auto target) {
          out += fmt::format("{}:{}={} ", subset, source, target);
        },
        [](auto, auto, auto) {});
    return out;
  }
  CorpusInputs inputs() const { return make_part<Corpus>(settings)->inputs(place, directions); }
  void pack(const fs::path& archive) const {
    fs::create_directories(archive.parent_path());
    REQUIRE(run_program({"tar", "-caf", archive.string(), "text"}, folder.path()).exit_code == 0);
  }
};

TEST_CASE_METHOD(MosesTest, "lines of two files are pairs") {
  CHECK(read() ==
        "train:one=un train:two=deux valid:one=un valid:two=deux test:one=un test:two=deux ");
  settings["test"] = "";
  settings["valid"] = "test";
  put("train.fr", "un\ndeux");  // no line end at the end
  CHECK(read() == "train:one=un train:two=deux valid:one=un valid:two=deux ");
}

TEST_CASE_METHOD(MosesTest, "what is wrong with a file is named with file and line") {
  const auto wrong = [&](const char* name, const char* bytes, const std::string& words) {
    const std::string before = read_file(path(name));
    put(name, bytes);
    CHECK_THROWS_MATCHES(read(), Error, Message(words));
    put(name, before);
  };
  wrong("train.fr", "un\n\xff\n",
        path("train.fr") + ":2: the line is not UTF-8; convert the file (iconv)");
  wrong("valid.en", "one\n \n",
        path("valid.en") + ":2: the line is blank; only training text may have blank lines");
  wrong("train.en", "one\n",
        "'" + path("train.en") + "' has 1 lines and '" + path("train.fr") +
            "' has 2; aligned files have the same number");
  wrong("train.en", "",
        "'" + path("train.en") + "' is empty; it should have one sentence per line");
  put("test.fr", std::string("un\nde\0ux\n", 10));
  CHECK_THROWS_MATCHES(
      read(), Error,
      Message(path("test.fr") + ":2: the line has a NUL byte; this is not a text file"));
}

TEST_CASE_METHOD(MosesTest, "a byte order mark and CR LF are not part of the text") {
  put("train.en", "\xef\xbb\xbfone\r\ntwo\r\n");
  CHECK(read().starts_with("train:one=un train:two=deux "));
}

TEST_CASE_METHOD(MosesTest, "training text may have blank lines") {
  put("train.fr", "\ndeux\n");
  CHECK(read().starts_with("train:one= train:two=deux "));
}

TEST_CASE_METHOD(MosesTest, "the identity is the files' content") {
  const Value first = inputs().identity;
  CHECK(first["files"].size() == 6);
  fs::rename(folder.path() / "text", folder.path() / "moved");
  settings["path"] = "moved";
  CHECK(inputs().identity == first);
  write_atomic(folder.path() / "moved" / "train.fr", "un\ntrois\n");
  CHECK(inputs().identity != first);
}

TEST_CASE_METHOD(MosesTest, "a missing file blocks with its name") {
  fs::remove(path("valid.fr"));
  CHECK(inputs().missing ==
        "'" + path("valid.fr") + "' is missing; it should hold text of 'valid'");
}

TEST_CASE_METHOD(MosesTest, "an archive is found beside the spec or in the mirror") {
  pack(folder.path() / "mirror" / "x.tar.xz");
  settings = {{"use", "moses"}, {"archive", "x.tar.xz"}};
  CHECK(inputs().identity.contains("archive"));
  CHECK(read().starts_with("train:one=un"));
  fs::rename(folder.path() / "mirror" / "x.tar.xz", folder.path() / "x.tar.xz");
  CHECK(read().starts_with("train:one=un"));
  fs::remove(folder.path() / "x.tar.xz");
  CHECK(
      inputs().missing ==
      "archive 'x.tar.xz' is missing; put it beside the spec, or set XP_MIRROR to the folder that "
      "has it");
}

TEST_CASE_METHOD(MosesTest, "a zip as OPUS publishes it is read") {
  const std::string zip = "Tatoeba.en-fr";
  for (const char* language : {".en", ".fr"})
    put("OPUS/" + zip + language, read_file(path(std::string("train") + language)));
  put("OPUS/README", "Corpus Name: Tatoeba\n");
  // tar --auto-compress knows no zip; Python is here wherever this is built.
  REQUIRE(run_program({"python3", "-m", "zipfile", "-c", "../../en-fr.txt.zip", "README",
                       zip + ".en", zip + ".fr"},
                      path("OPUS"))
              .exit_code == 0);
  settings = {
      {"use", "moses"}, {"archive", "en-fr.txt.zip"}, {"train", zip}, {"valid", ""}, {"test", ""}};
  CHECK(inputs().missing.empty());
  CHECK(read() == "train:one=un train:two=deux ");
}

TEST_CASE_METHOD(MosesTest,
                 "an archive with other files beside the folder says where the text is") {
  put("README", "text\n");
  fs::create_directories(folder.path() / "text" / "en-fr");
  for (const char* name : {"train.en", "train.fr"})
    fs::rename(path(name), path(std::string("en-fr/") + name));
  pack(folder.path() / "x.tar.gz");
  settings = {{"use", "moses"}, {"archive", "x.tar.gz"}, {"valid", ""}, {"test", ""}};
  CHECK_THROWS_MATCHES(read(), Error,
                       Message("'x.tar.gz' has no 'train.en'; it has 'en-fr/train.en': name the "
                               "stem with its folder, \"en-fr/train\""));
  settings["train"] = "en-fr/train";
  CHECK(read() == "train:one=un train:two=deux ");
}

TEST_CASE_METHOD(MosesTest, "the reasons are counted when no training pair is left") {
  put("train.en", "\n\nun\n");
  put("train.fr", "un\n\n\x01\n");
  settings["vocabulary"] = {{"use", "sentencepiece"}, {"size", 60}};
  CHECK_THROWS_MATCHES(prepare_corpus(settings, place, folder.path() / "corpora" / "c"), Error,
                       Message("corpus 'moses' has no training pair for en-fr: all 3 were left out "
                               "(2 blank, 1 control characters); see [corpus.cleaning]"));
}

TEST_CASE_METHOD(MosesTest, "a damaged archive is refused and leaves nothing") {
  pack(folder.path() / "x.tar.gz");
  const std::string whole = read_file(folder.path() / "x.tar.gz");
  write_atomic(folder.path() / "x.tar.gz", whole.substr(0, whole.size() / 2));
  settings = {{"use", "moses"}, {"archive", "x.tar.gz"}};
  CHECK_THROWS_AS(read(), Error);
  for (const auto& entry : fs::directory_iterator(place.downloads / "unpacked"))
    CHECK(entry.path().extension() == ".lock");
}

TEST_CASE_METHOD(MosesTest, "an archive with a link is refused") {
  fs::create_symlink("/etc/hostname", folder.path() / "text" / "train.de");
  pack(folder.path() / "x.tar.gz");
  settings = {{"use", "moses"}, {"archive", "x.tar.gz"}};
  CHECK_THROWS_AS(read(), Error);
}

TEST_CASE_METHOD(MosesTest, "files or an archive, one of them must be named") {
  settings.erase("path");
  CHECK_THROWS_MATCHES(read(), Error,
                       Message("[corpus] of kind 'moses' needs 'path' or 'archive', and not both"));
}

TEST_CASE_METHOD(MosesTest, "lines of 10 MB, of words or without any, are left out and counted") {
  std::string source, target, words;
  for (int i = 0; i < 300; ++i) {
    source += fmt::format("sentence {} of the text\n", i * 37);
    target += fmt::format("la phrase {} du texte\n", i * 37);
  }
  while (words.size() < 10'000'000)
    words += "word " + std::to_string(words.size()) + " ";
  put("train.en", source + words + "\nthe text\n" + std::string(10'000'000, 'x') + "\n");
  put("train.fr", target + "le texte\n" + words + "\nla phrase\n");
  settings["vocabulary"] = {{"use", "sentencepiece"}, {"size", 60}};
  const fs::path made = folder.path() / "corpora" / "c";
  prepare_corpus(settings, place, made);
  const auto corpus = open_corpus(made);
  CHECK(corpus.tokens("train", {"en", "fr"}, Side::kTarget).size() == 300);
  CHECK(corpus.stats()["train"]["en-fr"]["dropped"]["longer than max_length"] == 3);
}

TEST_CASE_METHOD(MosesTest, "a line of 10 MB that is to be scored is refused with its number") {
  put("test.en", "one\n" + std::string(10'000'000, 'x') + "\n");
  CHECK_THROWS_MATCHES(
      prepare_corpus(settings, place, folder.path() / "corpora" / "c"), Error,
      Message("pair 2 of subset 'test' has a side of 10.0 MB, which is not a sentence; split or "
              "remove it"));
}

TEST_CASE_METHOD(MosesTest, "a corpus is prepared from files to tokens and back") {
  std::string source, target;
  for (int i = 0; i < 300; ++i) {
    source += fmt::format("sentence {} of the text\n", i * 37);
    target += fmt::format("la phrase {} du texte\n", i * 37);
  }
  put("train.en", source);
  put("train.fr", target);
  settings["vocabulary"] = {{"use", "sentencepiece"}, {"size", 60}};
  const fs::path made =
      folder.path() / "corpora" / corpus_id(settings, corpus_inputs(settings, place)).value();
  prepare_corpus(settings, place, made);
  const auto corpus = open_corpus(made);
  const auto tokens = corpus.tokens("train", {"en", "fr"}, Side::kTarget);
  CHECK(tokens.size() == 300);
  CHECK(corpus.vocabulary().decode(tokens.sentence(0)) == "la phrase 0 du texte");
  CHECK(corpus.references("test", {"en", "fr"}) == std::vector<std::string>{"un", "deux"});
}

}  // namespace
}  // namespace xp
