// The made-up corpus.
#include "engine/base/text.h"
#include "registry/corpus.h"

#include <catch2/catch_test_macros.hpp>

#include <map>

namespace xp {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::map<std::string, Pairs> content(const Value& settings, const Direction& direction) {
  std::map<std::string, Pairs> out;
  make_part<Corpus>(settings)->read(
      {}, direction,
      [&](auto subset, auto source, auto target) {
        out[std::string(subset)].emplace_back(source, target);
      },
      [](auto, auto, auto) {});
  return out;
}

const Value kSmall = {{"use", "dummy"}, {"train", 2000}, {"valid", 20}, {"test", 10}};

TEST_CASE("a made-up corpus has the sizes asked for and is the same every time") {
  const auto first = content(kSmall, {"en", "fr"});
  CHECK(first.at("train").size() == 2000);
  CHECK(first.at("valid").size() == 20);
  CHECK(first.at("test").size() == 10);
  CHECK(content(kSmall, {"en", "fr"}) == first);
}

TEST_CASE("its sentences have the mean length of text, and words repeat as in text") {
  size_t words = 0;
  std::map<std::string, int> counts;
  const auto subsets = content(kSmall, {"en", "fr"});
  for (const auto& [source, target] : subsets.at("train")) {
    for (const auto& word : split(source, ' ')) {
      ++words;
      ++counts[word];
    }
  }
  CHECK(words > 2000 * 11);
  CHECK(words < 2000 * 13);
  CHECK(counts.size() > 1000);
  CHECK(counts.size() < 4000);
}

TEST_CASE("the other direction has the sides exchanged") {
  const auto there = content(kSmall, {"en", "fr"}).at("test");
  const auto back = content(kSmall, {"fr", "en"}).at("test");
  CHECK(there[0].first == back[0].second);
  CHECK(there[0].second == back[0].first);
}

}  // namespace
}  // namespace xp
