// Kind `metric`: hypotheses and references to named numbers.
#pragma once

#include "registry/registry.h"

#include <span>
#include <string>
#include <vector>

namespace xp {

/// One number with its name, unit and how it was computed (sacreBLEU's signature where it has one).
struct Score {
  std::string name;
  double value = 0;
  std::string unit;
  std::string signature;
  bool higher_is_better = true;
};

struct Metric {
  static constexpr const char* kKind = "metric";
  virtual ~Metric() = default;
  /// Corpus-level scores of detokenised text; both spans have the same length >= 1.
  /// `target_language` is a code ("fr").
  virtual std::vector<Score> score(std::span<const std::string> hypotheses,
                                   std::span<const std::string> references,
                                   const std::string& target_language) const = 0;
};

}  // namespace xp
