// WMT's English-French without its 6.6 GB: what is known before, and an archive of the same shape.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <map>

namespace xp {
namespace {

using Catch::Matchers::Message;

struct WmtTest {
  TempFolder folder;
  CorpusPlace place;
  std::unique_ptr<Corpus> corpus = make_part<Corpus>({{"use", "wmt17-en-fr"}});
  fs::path top = folder.path() / "wmt";

  WmtTest() {
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
  }
  void put_sets() {
    place.may_fetch = true;
    for (const char* stem :
         {"training/europarl-v7.fr-en", "commoncrawl.fr-en", "un/undoc.2000.fr-en",
          "training/news-commentary-v9.fr-en", "giga-fren.release2.fixed", "dev/newstest2013"}) {
      const std::string name = fs::path(stem).filename().string().substr(0, 4);
      write_atomic(top / (stem + std::string(".en")), name + " one\n" + name + " two\n");
      write_atomic(top / (stem + std::string(".fr")), name + " un\n" + name + " deux\n");
    }
    REQUIRE(run_program({"gzip", "giga-fren.release2.fixed.en", "giga-fren.release2.fixed.fr"}, top)
                .exit_code == 0);
    write_atomic(top / "dev/newstest2014-fren-src.fr.sgm",
                 "<srcset>\n<seg id=\"1\">Un &amp; deux</seg>\n<seg id=\"2\"> A&lt;b </seg>\n");
    write_atomic(top / "dev/newstest2014-fren-ref.en.sgm",
                 "<refset>\n<seg id=\"1\">One &amp; two</seg>\n<seg id=\"2\">\"A&lt;b\"</seg>\n");
  }
  std::map<std::string, std::string> read(const Direction& direction) {
    fs::create_directories(place.mirror);
    REQUIRE(run_program({"tar", "-czf", (place.mirror / "wmt17-en-fr.tar.gz").string(), "wmt"},
                        folder.path())
                .exit_code == 0);
    std::map<std::string, std::string> out;
    corpus->read(
        place, direction,
        [&](auto subset, auto source, auto target) {
          out[std::string(subset)] += fmt::format("{}={} ", source, target);
        },
        [&](auto subset, auto reason, int64_t count) {
          out["dropped"] += fmt::format("{}:{}:{} ", subset, reason, count);
        });
    return out;
  }
};

TEST_CASE_METHOD(WmtTest,
                 "WMT's identity is known with no file present, so that it can be planned") {
  const auto inputs = corpus->inputs(place, {{"en", "fr"}});
  CHECK(inputs.known);
  CHECK(inputs.missing.empty());
  CHECK(inputs.identity.size() == 6);
  CHECK(inputs.identity["training-giga-fren.tar"] ==
        "3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a");
  CHECK_FALSE(fs::exists(place.downloads));
}

TEST_CASE_METHOD(WmtTest, "WMT has two directions") {
  CHECK(corpus->directions(place, {"all"}).size() == 2);
  CHECK_THROWS_MATCHES(corpus->directions(place, {"en-de"}), Error,
                       Message("wmt17-en-fr has no 'en-de'; it has: en-fr, fr-en"));
}

TEST_CASE_METHOD(WmtTest, "WMT's sets follow one another, newstest2013 and 2014 hold out") {
  put_sets();
  auto subsets = read({"en", "fr"});
  CHECK(subsets["train"] ==
        "euro one=euro un euro two=euro deux comm one=comm un comm two=comm deux undo one=undo un "
        "undo two=undo deux news one=news un news two=news deux giga one=giga un giga two=giga "
        "deux ");
  CHECK(subsets["valid"] == "news one=news un news two=news deux ");
  CHECK(subsets["test"] == "One & two=Un & deux \"A<b\"=A<b ");
  CHECK(read({"fr", "en"})["test"] == "Un & deux=One & two A<b=\"A<b\" ");
}

TEST_CASE_METHOD(WmtTest, "lines of the web that are not text are left out and counted") {
  put_sets();
  write_atomic(top / "commoncrawl.fr-en.en", "one\r\n\xff\n");
  auto subsets = read({"en", "fr"});
  CHECK(subsets["train"].find("one=comm un undo") != std::string::npos);
  CHECK(subsets["dropped"] == "train:not UTF-8:1 ");
}

}  // namespace
}  // namespace xp
