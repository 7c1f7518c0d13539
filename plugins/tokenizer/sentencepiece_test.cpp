// SentencePiece through the interface of its kind.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "registry/tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <sentencepiece_trainer.h>

#include <set>
#include <sstream>

namespace xp {
namespace {

using Catch::Matchers::Message;

struct SentencePieceTest {
  TempFolder folder;
  Value settings = {{"use", "sentencepiece"}, {"size", 60}};

  static void text(const std::function<void(std::string_view)>& each) {
    for (const char* line : {"the quick brown fox jumps over the lazy dog", "the lazy fox sleeps",
                             "a quick dog jumps over a brown fox", "le renard brun saute"})
      each(line);
  }
  std::unique_ptr<Vocabulary> trained() const {
    const auto tokenizer = make_part<Tokenizer>(settings);
    tokenizer->train(text, folder.path(), folder.path());
    return tokenizer->open(folder.path());
  }
  std::string model_hash() const {
    return sha256_file((folder.path() / "sentencepiece.model").string());
  }
};

TEST_CASE_METHOD(SentencePieceTest, "text comes back from its ids") {
  for (const char* type : {"bpe", "unigram"}) {
    settings["type"] = type;
    settings["size"] = 36;
    const auto vocabulary = trained();
    CHECK(vocabulary->size() == 36);
    CHECK(vocabulary->decode(vocabulary->encode("the lazy brown fox")) == "the lazy brown fox");
  }
}

TEST_CASE_METHOD(SentencePieceTest, "an encoder gives the vocabulary's ids, whatever the spaces") {
  for (const char* type : {"bpe", "unigram"}) {
    settings["type"] = type;
    settings["size"] = 36;
    const auto vocabulary = trained();
    const auto encoder = vocabulary->encoder();
    for (const char* line : {"the lazy brown fox", "  the  the dog ", "", " ",
                             "fox \xe2\x98\x83\xe2\x98\x83 \xe2\x98\x83 dog",
                             "fox\xc2\xa0"
                             "dog\xc2\xa0 the",
                             "caf\xc3\xa9 cafe\xcc\x81 \xc2\xa8", "a\tb\x01 c",
                             "\xe2\x96\x81 the\xe2\x96\x81"
                             "dog \xe2\x96\x81\xe2\x96\x81"}) {
      std::vector<int32_t> ids = {7};
      encoder->encode(line, ids);
      auto expected = vocabulary->encode(line);
      expected.insert(expected.begin(), 7);
      CAPTURE(type, line);
      CHECK(ids == expected);
    }
  }
}

TEST_CASE_METHOD(SentencePieceTest, "a piece is written as SentencePiece writes it") {
  const auto vocabulary = trained();
  CHECK(vocabulary->piece(Special::kEnd) == "</s>");
  CHECK(vocabulary->piece(vocabulary->encode("fox").front()).starts_with("\xe2\x96\x81"));
}

TEST_CASE_METHOD(SentencePieceTest, "special ids are skipped and unknown characters have theirs") {
  const auto vocabulary = trained();
  auto ids = vocabulary->encode("fox");
  ids.insert(ids.begin(), {Special::kBegin, Special::kPad});
  ids.push_back(Special::kEnd);
  CHECK(vocabulary->decode(ids) == "fox");
  CHECK(vocabulary->encode("\xe2\x98\x83").back() == Special::kUnknown);
}

TEST_CASE_METHOD(SentencePieceTest, "bytes stand for unknown characters if asked") {
  settings["byte_fallback"] = true;
  settings["size"] = 310;
  const auto vocabulary = trained();
  CHECK(vocabulary->decode(vocabulary->encode("fox \xe2\x98\x83")) == "fox \xe2\x98\x83");
}

TEST_CASE_METHOD(SentencePieceTest, "a line end among the pieces of bytes does not end the line") {
  settings["byte_fallback"] = true;
  settings["size"] = 310;
  const auto vocabulary = trained();
  auto ids = vocabulary->encode("fox");
  for (int32_t id = 0; id < vocabulary->size(); ++id) {
    const std::string piece = vocabulary->piece(id);
    if (piece == "<0x0A>" || piece == "<0x0D>") ids.push_back(id);
  }
  const auto more = vocabulary->encode("dog");
  ids.insert(ids.end(), more.begin(), more.end());
  CHECK(vocabulary->decode(ids) == "fox   dog");
}

TEST_CASE_METHOD(SentencePieceTest, "training twice gives the same bytes") {
  for (const char* type : {"bpe", "unigram"}) {
    settings["type"] = type;
    settings["size"] = 36;
    settings["sample"] = 3;
    trained();
    const auto first = model_hash();
    trained();
    CHECK(model_hash() == first);
  }
}

TEST_CASE_METHOD(SentencePieceTest, "another seed picks other sentences to learn from") {
  settings["size"] = 36;
  settings["sample"] = 2;
  std::set<std::string> models;
  for (int seed = 1; seed <= 6; ++seed) {
    settings["sample_seed"] = seed;
    trained();
    models.insert(model_hash());
  }
  CHECK(models.size() > 1);
}

TEST_CASE_METHOD(SentencePieceTest, "a size the text does not carry is answered with the largest") {
  settings["type"] = "unigram";
  settings["size"] = 4000;
  CHECK_THROWS_MATCHES(trained(), Error,
                       Message("'size' in [corpus.vocabulary] is 4000, more than the text allows; "
                               "the largest that works is 38"));
  settings["type"] = "bpe";
  CHECK_THROWS_MATCHES(trained(), Error,
                       Message("'size' in [corpus.vocabulary] is 4000, more than the text allows; "
                               "the largest that works is 137"));
  settings["size"] = 137;
  CHECK(trained()->size() == 137);
}

TEST_CASE_METHOD(SentencePieceTest, "a size below the characters is answered with the smallest") {
  settings["size"] = 10;
  CHECK_THROWS_MATCHES(trained(), Error,
                       Message("'size' in [corpus.vocabulary] is 10, less than the characters of "
                               "the text need; the smallest that works is 31"));
}

TEST_CASE_METHOD(SentencePieceTest, "an existing model keeps its pieces, after our special ids") {
  // The library's own defaults put the unknown piece first and have no padding.
  std::vector<std::string> lines;
  text([&](std::string_view line) { lines.emplace_back(line); });
  write_atomic(folder.path() / "text", join(lines, "\n") + "\n");
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      "--input=" + (folder.path() / "text").string() + " --model_prefix=" +
      (folder.path() / "own").string() + " --vocab_size=60 --model_type=bpe --minloglevel=2");
  REQUIRE(status.ok());
  settings["model"] = "own.model";
  const auto vocabulary = trained();
  CHECK(vocabulary->size() == 61);
  CHECK(vocabulary->decode(vocabulary->encode("the lazy fox")) == "the lazy fox");
  const auto inputs = make_part<Tokenizer>(settings)->inputs(folder.path());
  CHECK(inputs["model"] == sha256_file((folder.path() / "own.model").string()));
}

TEST_CASE_METHOD(SentencePieceTest, "a file that is not a model is refused") {
  write_atomic(folder.path() / "own.model", "not a model");
  settings["model"] = "own.model";
  CHECK_THROWS_AS(trained(), Error);
  settings["model"] = "missing.model";
  CHECK_THROWS_AS(make_part<Tokenizer>(settings)->inputs(folder.path()), Error);
}

TEST_CASE_METHOD(SentencePieceTest, "a damaged vocabulary is an error of the machine") {
  trained();
  write_atomic(folder.path() / "sentencepiece.model", "x");
  try {
    make_part<Tokenizer>(settings)->open(folder.path());
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::kMachine);
  }
}

}  // namespace
}  // namespace xp
