// A trained model as an evaluation uses it: its checkpoint, or the mean of several, under the
// settings of [eval].
#pragma once

#include "engine/eval/evaluate.h"
#include "engine/worker/rank.h"

#include <memory>

namespace xp {

struct EvaluatedModel {
  EvalSection eval;
  std::shared_ptr<TranslationModel> model;
  DecodeRule rule;
};

/// Of the resolved settings of an evaluation; arguments.training is its training's folder.
/// Collective. Raises kMachine if a checkpoint is missing or damaged, kUser if it is of other
/// settings.
EvaluatedModel load_evaluated(const WorkerArguments& arguments, const Value& settings,
                              const PreparedCorpus& corpus, const Groups& groups);

}  // namespace xp
