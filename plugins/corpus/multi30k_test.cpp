// Multi30k: what is known without its text.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Message;
using Catch::Matchers::MessageMatches;

struct Multi30kTest {
  TempFolder folder;
  CorpusPlace place;
  std::unique_ptr<Corpus> corpus = make_part<Corpus>({{"use", "multi30k"}});

  Multi30kTest() {
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
    place.may_fetch = true;
  }
  void read() const {
    corpus->read(
        place, {"en", "fr"}, [](auto, auto, auto) {}, [](auto, auto, auto) {});
  }
};

TEST_CASE_METHOD(Multi30kTest, "its identity is known before anything is fetched") {
  place.may_fetch = false;
  const auto inputs = corpus->inputs(place, {{"en", "fr"}});
  CHECK(inputs.known);
  CHECK(inputs.missing.empty());
  CHECK(inputs.identity.size() == 10);
  CHECK(corpus->inputs(place, {{"en", "cs"}}).identity.size() == 6);
}

TEST_CASE_METHOD(Multi30kTest, "its directions are those of its languages") {
  CHECK(corpus->directions(place, {"all"}).size() == 6);
  CHECK_THROWS_MATCHES(corpus->directions(place, {"en-es"}), Error,
                       Message("multi30k has no 'es' for 'en-es'; it has: en, de, fr, cs"));
}

TEST_CASE_METHOD(Multi30kTest, "a file that is not the upstream one is never taken") {
  write_atomic(place.mirror / "train.en.gz", "something else");
  CHECK_THROWS_MATCHES(read(), Error,
                       MessageMatches(ContainsSubstring(
                           "it has 14 bytes and should have 568929; delete or replace it")));
}

TEST_CASE_METHOD(Multi30kTest, "an archive with other text is refused") {
  write_atomic(folder.path() / "multi30k" / "train.en", "A man.\n");
  fs::create_directories(place.mirror);
  REQUIRE(run_program({"tar", "-czf", (place.mirror / "multi30k.tar.gz").string(), "multi30k"},
                      folder.path())
              .exit_code == 0);
  CHECK_THROWS_MATCHES(read(), Error,
                       MessageMatches(ContainsSubstring("is not Multi30k's text: its SHA-256 is")));
}

}  // namespace
}  // namespace xp
