// Token files: round trips and damage.
#include "engine/data/token_file.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Sentences = std::vector<std::vector<int32_t>>;

struct TokenFileTest {
  TempFolder folder;
  fs::path path = folder.path() / "a.tokens";

  TokenFile written(int64_t vocabulary_size, const Sentences& sentences) const {
    TokenFileWriter writer(path, vocabulary_size);
    for (const auto& sentence : sentences)
      writer.add(sentence);
    writer.finish();
    return TokenFile(path);
  }
  static Sentences content(const TokenFile& file) {
    Sentences out;
    for (int64_t i = 0; i < file.size(); ++i)
      out.push_back(file.sentence(i));
    return out;
  }
  std::string opening(const std::string& bytes) const {
    write_atomic(path, bytes);
    try {
      const TokenFile file(path);
      return "opened";
    } catch (const Error& error) {
      CHECK(error.blame() == Blame::kMachine);
      return error.what();
    }
  }
};

TEST_CASE_METHOD(TokenFileTest, "what is written is read back") {
  const Sentences sentences = {{4, 5, 65535}, {}, {7}, {9, 9, 9, 9}};
  const TokenFile file = written(65536, sentences);
  CHECK(content(file) == sentences);
  CHECK(file.length(3) == 4);
  CHECK(file.num_tokens() == 8);
  CHECK(fs::file_size(path) == 64 + 16 + 40);
}

TEST_CASE_METHOD(TokenFileTest, "a vocabulary above 65536 takes four bytes a token") {
  const Sentences sentences = {{4, 65536, 99999}};
  CHECK(content(written(100000, sentences)) == sentences);
  CHECK(fs::file_size(path) == 64 + 16 + 16);
}

TEST_CASE_METHOD(TokenFileTest, "a file may have no sentence") {
  CHECK(written(10, {}).size() == 0);
}

TEST_CASE_METHOD(TokenFileTest, "a file cut anywhere is refused") {
  written(10, {{4, 5}, {6}});
  const std::string whole = read_file(path);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    CAPTURE(bytes);
    CHECK(opening(whole.substr(0, bytes)).find("is damaged") != std::string::npos);
  }
}

TEST_CASE_METHOD(TokenFileTest, "any changed byte is noticed") {
  written(10, {{4, 5}, {6}});
  const std::string whole = read_file(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    CHECK(opening(changed) != "opened");
  }
}

TEST_CASE_METHOD(TokenFileTest, "a large file is not read when it is opened, only to verify it") {
  const std::vector<int32_t> ids(1 << 19, 4);
  written(10, {ids, {5}});
  std::string changed = read_file(path);
  changed[64] = 7;
  CHECK(opening(changed) == "opened");
  CHECK_THROWS_MATCHES(TokenFile(path).verify(), Error,
                       MessageMatches(ContainsSubstring("' is damaged: ")));
}

TEST_CASE_METHOD(TokenFileTest, "damage is named with what to do") {
  CHECK(opening("xptokens") ==
        "token file '" + path.string() +
            "' is damaged: shorter than its header; delete its corpus folder and prepare it again");
}

TEST_CASE_METHOD(TokenFileTest, "a file that cannot be written is an error of the machine") {
  TokenFileWriter writer(folder.path() / "missing" / "a.tokens", 10);
  writer.add(std::vector<int32_t>{4});
  CHECK_THROWS_AS(writer.finish(), Error);
}

}  // namespace
}  // namespace xp
