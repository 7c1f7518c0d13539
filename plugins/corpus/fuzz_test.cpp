// Fuzzes the readers of tables of pairs and of a prepared corpus.
#include "engine/testing/fuzz.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/data/prepare.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <stdexcept>

namespace xp {
namespace {

// Runs `read`, which may refuse what it reads.
void read_or_refuse(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) throw std::logic_error(error.what());
  }
}

FuzzTarget tsv() {
  return {"tsv",
          "plugins/corpus/fuzz/tsv",
          {"\t", "\r\n", "\n\n", "\xef\xbb\xbf", std::string("\0", 1), "\xed\xa0\x80", "\xc2"},
          [](const std::string& text) {
            static const TempFolder folder;
            replace_file(folder.path() / "a.tsv", text);
            CorpusPlace place;
            place.spec_folder = folder.path();
            for (const char* subset : {"train", "test"}) {
              Value settings = {{"use", "tsv"}, {"path", "."}, {"train", ""},
                                {"valid", ""},  {"test", ""},  {"columns", {"en", "", "fr"}}};
              settings[subset] = "a";
              read_or_refuse([&] {
                make_part<Corpus>(settings)->read(
                    place, {"en", "fr"},
                    [](auto, std::string_view source, std::string_view target) {
                      if (!is_valid_utf8(source) || !is_valid_utf8(target))
                        throw std::logic_error("text that is not UTF-8");
                    },
                    [](auto, auto, auto) {});
              });
            }
          }};
}

// The first character of a text says which of these it is.
constexpr std::array kFiles = {"corpus.json", "stats.json", "sha256.json"};

/// Made once: a text takes the place of one file.
struct PreparedFixture {
  PreparedFixture() {
    for (const std::string language : {"en", "fr"}) {
      write_atomic(folder.path() / ("train." + language), "one two\nthree\n");
      write_atomic(folder.path() / ("test." + language), "two one\nfour\n");
    }
    CorpusPlace place;
    place.spec_folder = folder.path();
    prepare_corpus({{"use", "moses"},
                    {"path", "."},
                    {"valid", ""},
                    {"test", "test"},
                    {"vocabulary", {{"use", "dictionary"}}}},
                   place, made);
    for (const char* file : kFiles)
      before[file] = read_file(made / file);
  }
  TempFolder folder;
  fs::path made = folder.path() / "made";
  std::map<std::string, std::string> before;
};

void read_prepared(const fs::path& folder) {
  const auto corpus = open_corpus(folder);
  for (const auto& direction : corpus.directions()) {
    for (const auto& subset : {"train", "test"}) {
      if (!corpus.has(subset, direction)) continue;
      read_or_refuse([&] { corpus.tokens(subset, direction, Side::kSource).lengths(); });
      read_or_refuse([&] { corpus.references(subset, direction); });
    }
  }
  corpus.verify();
}

FuzzTarget prepared() {
  return {"prepared-corpus",
          "plugins/corpus/fuzz/prepared",
          {"\"directions\": [", "\"subsets\": [", "\"vocabulary\": {", "\"use\": \"dictionary\"",
           "\"kept\": 2", "\"test\": {", "\"en-fr\"", "null", "-1", "1e999", "{}", "[]", "../",
           "9223372036854775808", ",", ":"},
          [](const std::string& text) {
            if (text.empty()) return;
            static PreparedFixture fixture;
            const char* file = kFiles[static_cast<unsigned char>(text[0] - '0') % kFiles.size()];
            replace_file(fixture.made / file, text.substr(1));
            read_or_refuse([] { read_prepared(fixture.made); });
            replace_file(fixture.made / file, fixture.before[file]);
          }};
}

TEST_CASE("the reader of tables of pairs survives any bytes") {
  fuzz(tsv(), kSmokeSeconds);
}
TEST_CASE("the reader of tables of pairs survives any bytes for long", "[.][fuzz]") {
  fuzz(tsv(), kFuzzSeconds);
}
TEST_CASE("the reader of a prepared corpus survives any text") {
  fuzz(prepared(), kSmokeSeconds);
}
TEST_CASE("the reader of a prepared corpus survives any text for long", "[.][fuzz]") {
  fuzz(prepared(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
