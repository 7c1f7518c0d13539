// OPUS-100: its table of files, and every arrangement of files it is published in.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;

struct OpusTest {
  TempFolder folder;
  CorpusPlace place;
  Value settings = {{"use", "opus-100"}};

  OpusTest() {
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
    place.spec_folder = folder.path();
    place.may_fetch = true;
    fs::create_directories(place.mirror);
  }
  void put(const std::string& name, const std::string& bytes) const {
    write_atomic(folder.path() / "opus" / name, bytes);
  }
  // The three subsets of en-fr, with `pair` in the names.
  void put_french(const std::string& below, const std::string& pair) const {
    for (const char* subset : {"train", "dev", "test"}) {
      put(below + "opus." + pair + "-" + subset + ".en", std::string(subset) + "\n");
      put(below + "opus." + pair + "-" + subset + ".fr", "le " + std::string(subset) + "\n");
    }
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
  std::string names(const std::vector<std::string>& pairs) const {
    std::string out;
    for (const auto& direction : make_part<Corpus>(settings)->directions(place, pairs))
      out += direction.name() + " ";
    return out;
  }
};

constexpr const char* kFrench = "train:train=le train valid:dev=le dev test:test=le test ";

TEST_CASE_METHOD(OpusTest, "all directions are the 94 languages with test sets, both ways") {
  const auto all = make_part<Corpus>(settings)->directions(place, {"all"});
  CHECK(all.size() == 188);
  CHECK(all[0].name() == "en-af");
  CHECK(all[1].name() == "af-en");
}

TEST_CASE_METHOD(OpusTest, "its identity is known with no file present") {
  place.may_fetch = false;
  const auto inputs = make_part<Corpus>(settings)->inputs(place, {{"fr", "en"}, {"de", "fr"}});
  CHECK(inputs.identity == Value::parse(R"({"archives": {
    "en-fr": "c5521d61d7a158bcdebdd590c86b6e26e7d434cb1e02ca12681f8f82ed998c2d",
    "zeroshot": "241de5bf4eb382017337f3ffb23cdf319c971585b5f679da9a420f23a5c2ed8f"}})"));
  CHECK_THROWS_MATCHES(make_part<Corpus>(settings)->directions(place, {"en-xx"}), Error,
                       Message("opus-100 has no 'en-xx'; \"all\" names every direction it has"));
}

TEST_CASE_METHOD(OpusTest, "flat files are read, with the pair in either order") {
  settings["path"] = "opus";
  SECTION("as the direction") {
    put_french("", "en-fr");
  }
  SECTION("against the direction") {
    put_french("", "fr-en");
  }
  CHECK(read() == kFrench);
  CHECK(read({"fr", "en"}) == "train:le train=train valid:le dev=dev test:le test=test ");
}

TEST_CASE_METHOD(OpusTest, "files below supervised/A-B are read, with the pair in either order") {
  settings["path"] = "opus";
  SECTION("as the direction") {
    put_french("supervised/en-fr/", "en-fr");
  }
  SECTION("against the direction") {
    put_french("supervised/fr-en/", "fr-en");
  }
  SECTION("below the version's folder") {
    put_french("v1.0/supervised/en-fr/", "en-fr");
  }
  CHECK(read() == kFrench);
}

TEST_CASE_METHOD(OpusTest, "zero-shot pairs have a test set only") {
  settings["path"] = "opus";
  put("zero-shot/de-fr/opus.de-fr-test.de", "eins\n");
  put("zero-shot/de-fr/opus.de-fr-test.fr", "un\n");
  CHECK(read({"fr", "de"}) == "test:un=eins ");
}

TEST_CASE_METHOD(OpusTest, "an archive named or in the mirror is one folder of such files") {
  put_french("supervised/en-fr/", "en-fr");
  SECTION("named in the spec") {
    settings["archive"] = "opus-100.tar.gz";
  }
  SECTION("found in the mirror") {}
  REQUIRE(run_program({"tar", "-czf", (place.mirror / "opus-100.tar.gz").string(), "opus"},
                      folder.path())
              .exit_code == 0);
  CHECK(read() == kFrench);
  CHECK(names({"all"}) == "en-fr fr-en ");
  CHECK(make_part<Corpus>(settings)->inputs(place, {{"en", "fr"}}).identity.contains("archive"));
}

TEST_CASE_METHOD(OpusTest, "a missing archive, file or pair is named") {
  settings["archive"] = "x.tar.xz";
  CHECK(
      make_part<Corpus>(settings)->inputs(place, {}).missing ==
      "archive 'x.tar.xz' is missing; put it beside the spec, or set XP_MIRROR to the folder that "
      "has it");
  settings = {{"use", "opus-100"}, {"path", "opus"}};
  put_french("", "en-fr");
  fs::remove(folder.path() / "opus" / "opus.en-fr-dev.fr");
  CHECK(make_part<Corpus>(settings)->inputs(place, {{"en", "fr"}}).missing ==
        "'" + (folder.path() / "opus" / "opus.en-fr-dev.fr").string() +
            "' is missing, the other side of the pair is there");
  CHECK_THROWS_MATCHES(read({"en", "de"}), Error,
                       Message("'" + (folder.path() / "opus").string() +
                               "' has no file of en-de; it should be called opus.de-en-train.en, "
                               "flat or below supervised/de-en"));
}

}  // namespace
}  // namespace xp
