// Lines of a translation: none is lost, whatever bytes come.
#include "engine/cli/commands/translation_lines.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

LineFormat one_direction() {
  LineFormat out;
  out.directions = {"en-fr"};
  out.direction = "en-fr";
  return out;
}

LineFormat json_of_two() {
  LineFormat out;
  out.reads_json = out.writes_json = true;
  out.directions = {"en-fr", "en-de"};
  return out;
}

std::vector<SourceLine> lines_of(const Texts& pieces, const LineFormat& format = one_direction()) {
  SourceLines lines(format);
  for (const auto& piece : pieces)
    lines.add(piece);
  lines.end();
  std::vector<SourceLine> out;
  while (auto line = lines.next())
    out.push_back(std::move(*line));
  return out;
}

Texts texts_of(const Texts& pieces) {
  Texts out;
  for (const auto& line : lines_of(pieces))
    out.push_back(line.text);
  return out;
}

TEST_CASE("bytes become lines however they are cut, and no line is lost") {
  CHECK(texts_of({"one\ntwo\n"}) == Texts{"one", "two"});
  CHECK(texts_of({"o", "ne", "\nt", "wo"}) == Texts{"one", "two"});
  CHECK(texts_of({"\n\nthree\n\n"}) == Texts{"", "", "three", ""});
  CHECK(texts_of({"one\r\n", "two\r", "\n"}) == Texts{"one", "two"});
  CHECK(texts_of({"\xef\xbb", "\xbfone\n"}) == Texts{"one"});
  CHECK(texts_of({}).empty());
  CHECK(texts_of({" "}) == Texts{" "});
}

TEST_CASE("a line is there as soon as it has ended") {
  SourceLines lines(one_direction());
  lines.add("one\ntw");
  CHECK(lines.num_ready() == 1);
  CHECK(lines.next()->text == "one");
  CHECK_FALSE(lines.next());
  lines.add("o\n");
  const auto second = lines.next();
  REQUIRE(second);
  CHECK(second->text == "two");
  CHECK(second->number == 2);
}

TEST_CASE("bytes that are not UTF-8 are replaced and noted") {
  const auto lines = lines_of({"a\xff\xc3\xa9\xe6\x97\nb\n"});
  CHECK(lines[0].text == "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(lines[0].note == "bytes that are not UTF-8 became U+FFFD");
  CHECK(lines[0].is_translated());
  CHECK(lines[1].note.empty());
}

TEST_CASE("a line that is no sentence is refused without being kept") {
  const std::string piece(100'000, 'x');
  const auto lines = lines_of({piece, piece, piece, "\nshort\n"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].problem == "it has more than 262.1 kB; split it into sentences");
  CHECK(lines[0].text.size() == SourceLines::kMaxBytes);
  CHECK_FALSE(lines[0].is_translated());
  CHECK(lines[1].text == "short");
  CHECK(lines[1].problem.empty());
}

TEST_CASE("blank lines have no problem and are not translated") {
  for (const auto& line : lines_of({"\n \t\n"})) {
    CHECK(line.problem.empty());
    CHECK_FALSE(line.is_translated());
  }
  const auto blank = lines_of({"\n"}, json_of_two());
  CHECK(blank[0].problem.empty());
  CHECK(output_text(blank[0], {}, json_of_two()) == R"({"hypotheses":[],"source":""})"
                                                    "\n");
}

TEST_CASE("objects name their direction, and keep what else they hold") {
  const auto lines = lines_of({R"({"source": "a cat", "direction": "en-de", "id": 7})"
                               "\n"},
                              json_of_two());
  CHECK(lines[0].text == "a cat");
  CHECK(lines[0].direction == "en-de");
  CHECK(output_text(lines[0], {{{"eine Katze", -0.5}}}, json_of_two()) ==
        R"({"direction":"en-de","hypotheses":[{"score":-0.5,"text":"eine Katze"}],"id":7,)"
        R"("source":"a cat"})"
        "\n");
}

TEST_CASE("an object that says too little is a problem of its line") {
  const auto lines = lines_of({"oops\n[1]\n{\"source\": 1}\n{\"source\": \"a\"}\n"
                               "{\"source\": \"a\", \"direction\": \"en-fx\"}\n"},
                              json_of_two());
  for (size_t i = 0; i < 3; ++i)
    CHECK(lines[i].problem == "it is not a JSON object with a text \"source\"");
  CHECK(lines[3].problem == "it has no \"direction\"; the model translates en-fr, en-de");
  CHECK(lines[4].problem ==
        "no direction named 'en-fx', did you mean 'en-fr'? known: en-fr, en-de");
  CHECK(output_text(lines[0], {}, json_of_two()) ==
        R"({"hypotheses":[],"problem":"it is not a JSON object with a text \"source\"",)"
        R"("source":"oops"})"
        "\n");
}

TEST_CASE("text has the best translation of each line, or all with their scores") {
  SourceLine line;
  line.number = 3;
  const TranslatedLine best = {{{"un", -0.25}, {"deux", -1.5}}};
  LineFormat format = one_direction();
  CHECK(output_text(line, best, format) == "un\n");
  CHECK(output_text(line, {}, format) == "\n");
  format.has_scores = true;
  CHECK(output_text(line, best, format) == "3\t-0.2500\tun\n3\t-1.5000\tdeux\n");
  CHECK(output_text(line, {}, format) == "3\t\t\n");
}

TEST_CASE("an alignment is three more columns, or keys of the objects") {
  SourceLine line;
  line.number = 3;
  line.text = "two cats";
  const TranslatedLine translated = {
      {{"deux chats", -0.5, {"_deux", "_chat", "s"}, {{0, 0}, {1, 2}}}}, {"_two", "_cats"}};
  LineFormat format = one_direction();
  format.has_alignment = true;
  CHECK(output_text(line, translated, format) ==
        "deux chats\t_two _cats\t_deux _chat s\t0-0 1-2\n");
  CHECK(output_text(line, {}, format) == "\t\t\t\n");
  format.has_scores = true;
  CHECK(output_text(line, translated, format) ==
        "3\t-0.5000\tdeux chats\t_two _cats\t_deux _chat s\t0-0 1-2\n");
  CHECK(output_text(line, {}, format) == "3\t\t\t\t\t\n");
  format.writes_json = true;
  CHECK(output_text(line, translated, format) ==
        R"({"hypotheses":[{"alignment":[[0,0],[1,2]],"pieces":["_deux","_chat","s"],)"
        R"("score":-0.5,"text":"deux chats"}],"source":"two cats",)"
        R"("source_pieces":["_two","_cats"]})"
        "\n");
}

TEST_CASE("a prefix is that of the object, or the one of all lines") {
  LineFormat format = json_of_two();
  format.prefix = "Le";
  const auto lines = lines_of({R"({"source": "a", "direction": "en-fr", "prefix": "Un"})"
                               "\n"
                               R"({"source": "a", "direction": "en-fr", "prefix": 7})"
                               "\n"},
                              format);
  CHECK(lines[0].prefix == "Un");
  CHECK(lines[1].prefix == "Le");
}

}  // namespace
}  // namespace xp
