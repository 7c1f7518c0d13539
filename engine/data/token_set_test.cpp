// Token files in a row.
#include "engine/data/token_set.h"

#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct TokenSetTest {
  TempFolder folder;
  fs::path stem = folder.path() / "train.en-fr.source";

  void write(int count, int64_t per_part) const {
    TokenSetWriter writer(stem, 100, per_part);
    for (int i = 0; i < count; ++i)
      writer.add(std::vector<int32_t>(static_cast<size_t>(i % 3), i));
    writer.finish();
  }
};

TEST_CASE_METHOD(TokenSetTest, "sentences keep their order over the parts") {
  write(10, 4);
  CHECK(fs::exists(token_part(stem, 2)));
  CHECK_FALSE(fs::exists(token_part(stem, 3)));
  const TokenSet set(stem);
  CHECK(set.size() == 10);
  CHECK(set.num_tokens() == 9);
  CHECK(set.sentence(5) == std::vector<int32_t>{5, 5});
  CHECK(set.sentence(8) == std::vector<int32_t>{8, 8});
  CHECK(set.length(7) == 1);
  CHECK(set.lengths() == std::vector<uint32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0});
  set.verify();
}

TEST_CASE_METHOD(TokenSetTest, "a set without sentences is one") {
  write(0, 4);
  CHECK(TokenSet(stem).size() == 0);
}

TEST_CASE_METHOD(TokenSetTest, "a full part at the end is not followed by an empty one") {
  write(8, 4);
  CHECK_FALSE(fs::exists(token_part(stem, 2)));
  CHECK(TokenSet(stem).size() == 8);
}

TEST_CASE_METHOD(TokenSetTest, "parts of two sets are not mixed") {
  write(8, 4);
  TokenFileWriter other(token_part(stem, 1), 50);
  other.finish();
  CHECK(message_of([&] { TokenSet set(stem); }) ==
        "the parts of '" + stem.string() +
            "' do not belong together; delete the folder and prepare it again");
}

}  // namespace
}  // namespace xp
