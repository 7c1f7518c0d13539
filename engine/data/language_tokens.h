// Language tags: their names, and their ids after those of the vocabulary.
#pragma once

#include "registry/corpus.h"
#include "registry/sections.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Which tags a corpus needs and what their numbers are. Numbers are given in the order in which
/// directions first need them, so that directions added at the end of `pairs` change none.
class LanguageTags {
 public:
  LanguageTags() = default;
  LanguageTags(const LanguageTokensSection& rule, const std::vector<Direction>& directions);

  /// "<en>" of a language, "<en-fr>" of a pair, by number.
  const std::vector<std::string>& names() const { return names_; }

  /// The number of the tag of a source or target sentence; nothing if it has none. The id is
  /// the size of the side's vocabulary + the number.
  std::optional<int32_t> source(const Direction& direction) const;
  std::optional<int32_t> target(const Direction& direction) const;

  /// The source's tag stands in place of its </s>, the target's is the decoder's first symbol only.
  bool replaces_ends() const { return rule_.placement == "replace-eos-bos"; }

 private:
  std::string source_name(const Direction& direction) const;
  std::optional<int32_t> number(const std::string& name) const;
  LanguageTokensSection rule_{.source = "none", .placement = "prefix", .target = false};
  std::vector<std::string> names_;
};

}  // namespace xp
