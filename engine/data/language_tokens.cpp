// Tags are numbered as they appear.
#include "engine/data/language_tokens.h"

#include <algorithm>

namespace xp {
namespace {

// One tag for each language, on either side: what is learnt of it is shared.
std::string language_name(const std::string& language) {
  return "<" + language + ">";
}

}  // namespace

LanguageTags::LanguageTags(const LanguageTokensSection& rule,
                           const std::vector<Direction>& directions)
    : rule_(rule) {
  if (!rule_.target) rule_.target = directions.size() > 1;
  for (const auto& direction : directions) {
    for (const auto& name : {source_name(direction),
                             *rule_.target ? language_name(direction.target) : std::string()}) {
      if (!name.empty() && !number(name)) names_.push_back(name);
    }
  }
}

std::string LanguageTags::source_name(const Direction& direction) const {
  if (rule_.source == "source") return language_name(direction.source);
  if (rule_.source == "target") return language_name(direction.target);
  return rule_.source == "pair" ? language_name(direction.name()) : "";
}

std::optional<int32_t> LanguageTags::number(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<int32_t>(found - names_.begin());
}

std::optional<int32_t> LanguageTags::source(const Direction& direction) const {
  return number(source_name(direction));
}

std::optional<int32_t> LanguageTags::target(const Direction& direction) const {
  return *rule_.target ? number(language_name(direction.target)) : std::nullopt;
}

}  // namespace xp
