// What the options of `xp translate` change about [eval].
#pragma once

#include "engine/base/value.h"
#include "engine/cli/parser/arguments.h"

#include <array>
#include <string>
#include <utility>

namespace xp {

/// An option that sets a key of [eval].
struct EvalOption {
  const char *name, *value_name, *key;
  const char* help;  ///< null: the sentence of the setting
};

inline constexpr EvalOption kEvalOptions[] = {
    {"--beam", "N", "beam", "hypotheses kept per sentence; more is slower"},
    {"--length-penalty", "X", "length_penalty", nullptr},
    {"--min-length", "N", "min_length_b", "pieces of the shortest translation"},
    {"--max-length", "N", "max_length_b", "pieces of the longest translation"},
    {"--no-repeat-ngram", "N", "no_repeat_ngram", nullptr},
    {"--precision", "FORMAT", "precision", "number format of weight products; int8 is fastest"},
    {"--temperature", "T", "sampling.temperature",
     "draw translations instead of searching; below 1 prefers likely pieces"},
    {"--top-k", "K", "sampling.top_k", nullptr},
    {"--top-p", "P", "sampling.top_p", nullptr},
    {"--seed", "N", "sampling.seed", "of the draws; each line of the input has its own"}};

/// The values of these options and of `--set`.
class EvalChanges {
 public:
  void declare(Arguments& arguments);
  /// The settings of an evaluation with what the command line changes; `--min-length` and
  /// `--max-length` do not depend on the source. Raises a usage error if a value is out of range or
  /// `--set` names no setting.
  Value applied_to(Value spec) const;

 private:
  std::array<std::string, std::size(kEvalOptions)> given_;  // "" = not given
  Words sets_;
};

}  // namespace xp
