// What only a prepared corpus can tell about the points that use it: everything that training or
// evaluation would refuse hours later.
#pragma once

#include "engine/plan/plan.h"

#include <string>
#include <vector>

namespace xp {

struct CorpusProblem {
  std::string setting;  ///< that is wrong: "eval.subsets"
  const char* code;     ///< engine/experiment/codes.h
  std::string sentence, hint;
};

struct CorpusCheck {
  std::vector<CorpusProblem> problems;
  std::vector<std::string>
      notes;  ///< what is left out though nothing forbids it, one sentence each
};

/// Checks the points with this [corpus] table against the corpus prepared in `folder`: subsets that
/// [eval] names, directions without a subset, sentences longer than max_tokens. Finds nothing if it
/// is not prepared. Cost: reads the lengths of the subsets that are validated and scored.
CorpusCheck check_corpus(const Plan& plan, const Value& corpus, const fs::path& folder);

}  // namespace xp
