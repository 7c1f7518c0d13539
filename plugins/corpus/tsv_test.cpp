// Tables of pairs through the interface of kind `corpus`.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/testing/message.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct TsvTest {
  TempFolder folder;
  CorpusPlace place;
  Value settings = {{"use", "tsv"}, {"path", "text"}, {"valid", ""}, {"test", ""}};
  std::string file = (folder.path() / "text" / "train.tsv").string();

  TsvTest() {
    place.downloads = folder.path() / "downloads";
    place.spec_folder = folder.path();
    place.may_fetch = true;
  }
  std::string read(const Direction& direction = {"en", "fr"}) const {
    std::string out;
    make_part<Corpus>(settings)->read(
        place, direction,
        [&](auto subset, auto source, auto target) {
          out += fmt::format("{}:{}={} ", subset, source, target);
        },
        [](auto, auto, auto) {});
    return out;
  }
};

TEST_CASE_METHOD(TsvTest, "columns of a table are sides of pairs") {
  settings["columns"] = {"en", "", "fr"};
  write_atomic(file, "\xef\xbb\xbfone\t0.7\tun\r\ntwo\t0.6\tdeux\tmore");
  CHECK(read() == "train:one=un train:two=deux ");
  CHECK(read({"fr", "en"}) == "train:un=one train:deux=two ");
  CHECK(make_part<Corpus>(settings)->directions(place, {"all"}).size() == 2);
}

TEST_CASE_METHOD(TsvTest, "a blank line is counted in training text and refused elsewhere") {
  write_atomic(file, "one\tun\n\r\ntwo\tdeux\n\n");
  CHECK(read() == "train:one=un train:= train:two=deux train:= ");
  settings["test"] = "train";
  settings["train"] = "";
  CHECK(message_of([&] { read(); }) ==
        file + ":2: the line is blank; remove it, only training text may have blank lines");
}

TEST_CASE_METHOD(TsvTest, "a table may be compressed") {
  write_atomic(file, "one\tun\n");
  REQUIRE(run_program({"gzip", file}).exit_code == 0);
  CHECK(read() == "train:one=un ");
  CHECK(make_part<Corpus>(settings)->inputs(place, {}).identity["files"].contains("train.tsv"));
}

TEST_CASE_METHOD(TsvTest, "what is wrong with a table is named with file and line") {
  const auto complaint = [&](const std::string& bytes) {
    write_atomic(file, bytes);
    return message_of([&] { read(); });
  };
  CHECK(complaint("") == "'" + file + "' is empty; it should have one pair per line");
  CHECK(complaint("one\tun\ntwo\n") == file + ":2: the line has 1 columns; 'fr' is column 2");
  CHECK(complaint("\xff\tun\n") == file + ":1: the line is not UTF-8; convert the file (iconv)");
  CHECK(complaint(std::string("o\0e\tun\n", 7)) ==
        file + ":1: the line has a NUL byte; this is not a text file");
  settings["test"] = "train";
  CHECK(complaint("one\tun\n\tdeux\n") ==
        file + ":2: a side is blank; only training text may have blank sides");
}

TEST_CASE_METHOD(TsvTest, "a missing table or column is named") {
  CHECK(make_part<Corpus>(settings)->inputs(place, {}).missing ==
        "'" + file + "' is missing; it should hold text of 'train'");
  CHECK(message_of([&] { make_part<Corpus>(settings)->directions(place, {"en-de"}); }) ==
        "'columns' in [corpus] has no 'de'; it is: en, fr");
}

}  // namespace
}  // namespace xp
