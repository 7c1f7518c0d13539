// Keys of sentences and pairs.
#include "engine/data/leakage.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

std::string bytes_of(const std::vector<uint64_t>& keys) {
  return {reinterpret_cast<const char*>(keys.data()), 8 * keys.size()};
}

TEST_CASE("of equal keys the first is kept, whatever was dropped before") {
  const TempFolder folder;
  write_atomic(folder.path() / "keys", bytes_of({7, 5, 7, 5, 0, 9, 0, 5}));
  std::vector<bool> is_kept = {false, true, true, true, true, true, true, true};
  CHECK(drop_repeated(folder.path() / "keys", is_kept) == 3);
  CHECK(is_kept == std::vector<bool>{false, true, true, false, true, true, false, false});
}

TEST_CASE("the outcome does not depend on the memory that may be used") {
  const TempFolder folder;
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 20000; ++i)
    keys.push_back(pair_key(std::to_string(i % 7000), "x"));
  write_atomic(folder.path() / "keys", bytes_of(keys));
  for (const size_t memory : {size_t{16384}, size_t{100000}, size_t{1} << 30}) {
    std::vector<bool> is_kept(keys.size(), true);
    CHECK(drop_repeated(folder.path() / "keys", is_kept, memory) == 13000);
    CHECK(is_kept[6999]);
    CHECK_FALSE(is_kept[7000]);
  }
}

TEST_CASE("a pair's key is of both sides") {
  CHECK(pair_key("ab", "c") != pair_key("a", "bc"));
  CHECK(pair_key("a", "b") != pair_key("b", "a"));
  CHECK(pair_key("a", "b") == pair_key("a", "b"));
}

}  // namespace
}  // namespace xp
