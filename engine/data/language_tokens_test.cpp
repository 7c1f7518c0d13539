// The tags of a corpus and their numbers.
#include "engine/data/language_tokens.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

const Direction kEnFr{"en", "fr"}, kFrEn{"fr", "en"}, kEnDe{"en", "de"};
using Names = std::vector<std::string>;

LanguageTokensSection rule(const char* source, std::optional<bool> target) {
  LanguageTokensSection out;
  out.source = source;
  out.target = target;
  return out;
}

TEST_CASE("one direction needs no tags, several have the target's") {
  CHECK(LanguageTags({}, {kEnFr}).names().empty());
  const LanguageTags tags({}, {kEnFr, kFrEn});
  CHECK(tags.names() == Names{"<fr>", "<en>"});
  CHECK(tags.target(kEnFr) == 0);
  CHECK(tags.target(kFrEn) == 1);
  CHECK_FALSE(tags.source(kEnFr));
}

TEST_CASE("the source's tag names its language, the target's, or both") {
  CHECK(LanguageTags(rule("source", false), {kEnFr, kFrEn}).names() == Names{"<en>", "<fr>"});
  CHECK(LanguageTags(rule("target", false), {kEnFr, kFrEn}).source(kEnFr) == 0);
  const LanguageTags both(rule("pair", true), {kEnFr, kFrEn});
  CHECK(both.names() == Names{"<en-fr>", "<fr>", "<fr-en>", "<en>"});
  CHECK(both.source(kFrEn) == 2);
  CHECK(both.target(kFrEn) == 3);
}

TEST_CASE("a direction that is added at the end moves no tag") {
  for (const char* source : {"source", "target", "pair"}) {
    const auto before = LanguageTags(rule(source, true), {kEnFr, kFrEn}).names();
    const auto after = LanguageTags(rule(source, true), {kEnFr, kFrEn, kEnDe}).names();
    CHECK(Names(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(before.size())) ==
          before);
    CHECK(after.size() > before.size());
  }
}

}  // namespace
}  // namespace xp
