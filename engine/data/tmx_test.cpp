// Translation memories.
#include "engine/data/tmx.h"

#include "engine/base/file.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct TmxTest {
  TempFolder folder;
  fs::path file = folder.path() / "a.tmx";

  std::string read(const std::string& text) const {
    write_atomic(file, text);
    std::string out;
    read_tmx(file, "en", "fr", [&](std::string_view source, std::string_view target) {
      out += fmt::format("{}={} ", source, target);
    });
    return out;
  }
  std::string body(const std::string& units) const {
    return read("<?xml version=\"1.0\"?>\n<tmx version=\"1.4\"><header/><body>\n" + units +
                "</body></tmx>");
  }
};

TEST_CASE_METHOD(TmxTest, "units are pairs, in either order of their languages") {
  CHECK(body("<tu><tuv xml:lang=\"en\"><seg>one</seg></tuv>"
             "<tuv xml:lang=\"fr\"><seg>un</seg></tuv></tu>\n"
             "<tu><tuv lang=\"FR-ca\"><seg>deux</seg></tuv>"
             "<tuv xml:lang=\"EN_us\"><seg>two</seg></tuv></tu>") == "one=un two=deux ");
}

TEST_CASE_METHOD(TmxTest, "units that lack a language are left out") {
  CHECK(body("<tu><tuv xml:lang=\"en\"><seg>one</seg></tuv>"
             "<tuv xml:lang=\"de\"><seg>eins</seg></tuv></tu>"
             "<tu><tuv xml:lang=\"fr\"><seg> </seg></tuv>"
             "<tuv xml:lang=\"en\"><seg>two</seg></tuv></tu>")
            .empty());
}

TEST_CASE_METHOD(TmxTest, "text is what a reader sees: entities, no codes, single spaces") {
  CHECK(body("<tu><tuv xml:lang=\"en\"><seg>\n a &lt;b&gt; &amp;<bpt i=\"1\">{\\b </bpt>bold"
             "<hi>  c</hi><ph><sub>x</sub></ph>\td </seg></tuv>"
             "<tuv xml:lang=\"fr\"><seg>&#233;<![CDATA[<x>]]></seg></tuv></tu>") ==
        "a <b> &bold c d=\xc3\xa9<x> ");
}

TEST_CASE_METHOD(TmxTest, "of several variants the first counts") {
  CHECK(body("<tu><tuv xml:lang=\"en-us\"><seg>color</seg></tuv>"
             "<tuv xml:lang=\"en-gb\"><seg>colour</seg></tuv>"
             "<tuv xml:lang=\"fr\"><seg>couleur</seg></tuv></tu>") == "color=couleur ");
}

TEST_CASE_METHOD(TmxTest, "what is no TMX is named with its line") {
  const std::string place = file.string();
  CHECK(message_of([&] { read("<tmx><body>\n<tu></body></tmx>"); }) ==
        place + ":2: mismatched tag; this is no well-formed TMX");
  CHECK(message_of([&] { read("<tmx><body>\n<tu>"); }) ==
        place + ":2: no element found; this is no well-formed TMX");
  CHECK(message_of([&] { read(""); }) ==
        place + ":1: no element found; this is no well-formed TMX");
  CHECK(message_of([&] { read("<html></html>"); }) ==
        place + ":1: the outermost element is <html> and should be <tmx>");
  CHECK(message_of([&] { body("<tu>\xff</tu>"); }) ==
        place + ":3: not well-formed (invalid token); this is no well-formed TMX");
}

TEST_CASE_METHOD(TmxTest, "an error of who takes the pairs comes through") {
  CHECK(message_of([&] {
          write_atomic(file,
                       "<tmx><tu><tuv lang=\"en\"><seg>a</seg></tuv><tuv lang=\"fr\"><seg>b</seg>"
                       "</tuv></tu></tmx>");
          read_tmx(file, "en", "fr", [](auto, auto) { user_error("no room"); });
        }) == "no room");
}

}  // namespace
}  // namespace xp
