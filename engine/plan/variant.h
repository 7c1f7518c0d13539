// A point that no experiment has: the settings of one with some of them changed.
#pragma once

#include "engine/plan/assessment.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xp {

struct Variant {
  Settings settings;
  std::shared_ptr<const Assessment> assessment;
};

class Variants {
 public:
  /// Full path -> value.
  using Changes = std::vector<std::pair<std::string, Value>>;

  /// `corpus_figures` as for `assess`. `catalog` must outlive this.
  explicit Variants(const Catalog& catalog, CorpusFigures corpus_figures = {})
      : catalog_(catalog), assessor_(catalog, std::move(corpus_figures)) {}

  /// `settings` are the tables of all sections. A component that is picked anew has its defaults;
  /// settings that it does not have are dropped. Raises kUser if a change is such a setting, or
  /// names no component.
  Variant of(const Value& settings, const Changes& changes);

 private:
  const Catalog& catalog_;
  Assessor assessor_;
  std::vector<Settings> kept_;  ///< the assessor knows sections by their addresses
};

}  // namespace xp
