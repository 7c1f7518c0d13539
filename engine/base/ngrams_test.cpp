// Shared n-grams, words and code points.
#include "engine/base/ngrams.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Ids = std::vector<uint32_t>;
using Counts = std::vector<int64_t>;

Counts shared(const Ids& hypothesis, const Ids& reference, size_t max_order = 3) {
  NgramMatcher matcher(max_order);
  const auto found = matcher.match(hypothesis, reference);
  return {found.begin(), found.end()};
}

TEST_CASE("n-grams are counted as often as the reference has them") {
  CHECK(shared({1, 2, 3, 4}, {1, 2, 3, 4}) == Counts{4, 3, 2});
  CHECK(shared({1, 1, 1, 1}, {1, 2, 1}) == Counts{2, 0, 0});
  CHECK(shared({1, 2, 9, 1, 2}, {1, 2, 1, 2}) == Counts{4, 2, 0});
  CHECK(shared({3, 2, 1}, {1, 2, 3}) == Counts{3, 0, 0});
  CHECK(shared({}, {1}) == Counts{0, 0, 0});
  CHECK(shared({1}, {}) == Counts{0, 0, 0});
  CHECK(shared({UINT32_MAX, 0}, {UINT32_MAX, 0}, 2) == Counts{2, 1});
}

TEST_CASE("of several references the one that has an n-gram most often counts") {
  NgramMatcher matcher(2);
  const std::vector<Ids> references = {{1, 2, 1}, {1, 1, 1, 2}, {3}};
  const auto found = matcher.match(Ids{1, 1, 1, 1, 2, 3}, references);
  CHECK(Counts(found.begin(), found.end()) == Counts{5, 3});
  const auto none = matcher.match(Ids{1}, std::vector<Ids>{});
  CHECK(Counts(none.begin(), none.end()) == Counts{0, 0});
}

TEST_CASE("a matcher forgets the references before") {
  NgramMatcher matcher(2);
  matcher.match(Ids{1, 2}, Ids{1, 2, 3, 4, 5, 6, 7});
  const auto found = matcher.match(Ids{3, 4}, Ids{1, 2});
  CHECK(Counts(found.begin(), found.end()) == Counts{0, 0});
}

TEST_CASE("words end at any white space of Unicode") {
  using Words = std::vector<std::string_view>;
  CHECK(words("  a\tb\u00A0c\u2009d\u3000\n") == Words{"a", "b", "c", "d"});
  CHECK(words("\u200Ba") == Words{"\u200Ba"});  // zero width space is none
  CHECK(words(" \n").empty());
}

TEST_CASE("bytes that are no UTF-8 stay apart from every character") {
  CHECK(code_points("a\u00E9\U0001F600") == Ids{'a', 0xE9, 0x1F600});
  CHECK(code_points("\xFF\xE2\x82") == Ids{0x1100FF, 0x1100E2, 0x110082});
  CHECK(code_points("\xC0\x80") == Ids{0x1100C0, 0x110080});
}

}  // namespace
}  // namespace xp
