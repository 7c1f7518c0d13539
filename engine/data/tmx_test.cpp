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

  std::string read(const std::string& text, const std::string& source = "en",
                   const std::string& target = "fr") const {
    write_atomic(file, text);
    std::string out;
    const auto content =
        read_tmx(file, source, target, [&](std::string_view one, std::string_view other) {
          out += fmt::format("{}={} ", one, other);
        });
    for (const auto& [reason, count] : content.dropped)
      out += fmt::format("({} {})", count, reason);
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

TEST_CASE_METHOD(TmxTest, "units that lack a language are left out and counted") {
  CHECK(body("<tu><tuv xml:lang=\"en\"><seg>one</seg></tuv>"
             "<tuv xml:lang=\"de\"><seg>eins</seg></tuv></tu>"
             "<tu><tuv xml:lang=\"fr\"><seg> </seg></tuv>"
             "<tuv xml:lang=\"en\"><seg>two</seg></tuv></tu>") ==
        "(2 no text in one of the languages)");
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
             "<tuv xml:lang=\"fr\"><seg>couleur</seg></tuv></tu>") ==
        "color=couleur (1 further variant of a language)");
}

TEST_CASE_METHOD(TmxTest, "a language takes its own name before a longer one, on either side") {
  const std::string unit =
      "<tmx><tu><tuv xml:lang=\"pt-BR\"><seg>b</seg></tuv>"
      "<tuv xml:lang=\"pt\"><seg>p</seg></tuv></tu></tmx>";
  CHECK(read(unit, "pt", "pt_BR") == "p=b ");
  CHECK(read(unit, "pt_BR", "pt") == "b=p ");
  const std::string three =
      "<tmx><tu><tuv xml:lang=\"en-US\"><seg>us</seg></tuv>"
      "<tuv xml:lang=\"en\"><seg>plain</seg></tuv>"
      "<tuv xml:lang=\"pt-PT\"><seg>pt</seg></tuv>"
      "<tuv xml:lang=\"pt-BR\"><seg>br</seg></tuv></tu></tmx>";
  CHECK(read(three, "en", "pt") == "plain=pt (2 further variant of a language)");
  CHECK(read(three, "pt", "pt_BR") == "pt=br ");
}

TEST_CASE_METHOD(TmxTest, "elements that TMX does not know keep their text") {
  CHECK(body("<tu><tuv xml:lang=\"en\"><seg>a <b>bold <x id=\"1\"/>word</b></seg></tuv>"
             "<tuv xml:lang=\"fr\"><seg><g><mrk>un</mrk> mot</g></seg></tuv></tu>") ==
        "a bold word=un mot ");
}

TEST_CASE_METHOD(TmxTest, "a unit with an entity that no DTD declares is left out and counted") {
  const std::string units =
      "<tmx><tu><tuv lang=\"en\"><seg>5&nbsp;%</seg></tuv><tuv lang=\"fr\"><seg>5</seg></tuv></tu>"
      "<tu><tuv lang=\"en\"><seg>one<ph>&nbsp;</ph></seg></tuv>"
      "<tuv lang=\"fr\"><seg>un</seg></tuv></tu>"
      "<tu><tuv lang=\"de\"><seg>&nbsp;</seg></tuv><tuv lang=\"en\"><seg>two</seg></tuv>"
      "<tuv lang=\"fr\"><seg>deux</seg></tuv></tu></tmx>";
  CHECK(read("<!DOCTYPE tmx SYSTEM \"tmx14.dtd\">" + units) ==
        "one=un two=deux (1 entity that no DTD declares)");
  CHECK(read("<!DOCTYPE tmx [<!ENTITY nbsp \"&#160;\">]>" + units) ==
        "5\xc2\xa0%=5 one=un two=deux ");
  CHECK(read("<!DOCTYPE tmx [<!ENTITY nbsp SYSTEM \"/etc/hostname\">]>" + units) ==
        "one=un two=deux (1 entity that no DTD declares)");
  CHECK(message_of([&] { read(units); }) ==
        file.string() + ":1: undefined entity; this is not well-formed TMX");
}

TEST_CASE_METHOD(TmxTest, "an encoding that the file declares is converted") {
  const auto in = [](const std::string& encoding, const std::string& text) {
    return "<?xml version=\"1.0\" encoding=\"" + encoding + "\"?><tmx><tu><tuv lang=\"en\"><seg>" +
           text + "</seg></tuv><tuv lang=\"fr\"><seg>un</seg></tuv></tu></tmx>";
  };
  CHECK(read(in("windows-1252", "\x80 \x93\xe9\x94")) == "€ “é”=un ");
  CHECK(read(in("Shift_JIS", "\x93\xfa\x96\x7b")) == "日本=un ");
  CHECK(read(in("ISO-8859-1", "\xe9")) == "é=un ");
  CHECK(message_of([&] { read(in("Shift_JIS", "\x93\xff")); }) ==
        "'" + file.string() +
            "' says that it is Shift_JIS and has bytes that are not; convert it to UTF-8");
  CHECK(message_of([&] { read(in("klingon-1", "a")); }) ==
        file.string() +
            ":1: the encoding 'klingon-1' is not known; convert the file to UTF-8 (iconv)");
}

TEST_CASE_METHOD(TmxTest, "text longer than a piece of conversion is whole") {
  std::string units, expected;
  for (int i = 0; i < 30'000; ++i) {
    units += fmt::format(
        "<tu><tuv lang=\"en\"><seg>a{}\xe9</seg></tuv>"
        "<tuv lang=\"fr\"><seg>b{}</seg></tuv></tu>\n",
        i, i);
    expected += fmt::format("a{}é=b{} ", i, i);
  }
  CHECK(read("<?xml version=\"1.0\" encoding=\"windows-1252\"?><tmx>" + units + "</tmx>") ==
        expected);
}

TEST_CASE_METHOD(TmxTest, "the error for a file that is not TMX names its line") {
  const std::string place = file.string();
  CHECK(message_of([&] { read("<tmx><body>\n<tu></body></tmx>"); }) ==
        place + ":2: mismatched tag; this is not well-formed TMX");
  CHECK(message_of([&] { read("<tmx><body>\n<tu>"); }) ==
        place + ":2: no element found; this is not well-formed TMX");
  CHECK(message_of([&] { read(""); }) ==
        place + ":1: no element found; this is not well-formed TMX");
  CHECK(message_of([&] { read("<html></html>"); }) ==
        place + ":1: the outermost element is <html> and should be <tmx>");
  CHECK(message_of([&] { body("<tu>\xff</tu>"); }) ==
        place + ":3: not well-formed (invalid token); this is not well-formed TMX");
}

TEST_CASE_METHOD(TmxTest, "an error of the function that takes the pairs is passed on") {
  CHECK(message_of([&] {
          write_atomic(file,
                       "<tmx><tu><tuv lang=\"en\"><seg>a</seg></tuv><tuv lang=\"fr\"><seg>b</seg>"
                       "</tuv></tu></tmx>");
          read_tmx(file, "en", "fr", [](auto, auto) { user_error("no room"); });
        }) == "no room");
}

}  // namespace
}  // namespace xp
