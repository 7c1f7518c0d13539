// Finds and loads checkpoints.
#include "engine/worker/evaluated_model.h"

#include "engine/train/checkpoint.h"
#include "results/runs/checkpoints.h"

namespace xp {
EvaluatedModel load_evaluated(const WorkerArguments& arguments, const Value& settings,
                              const PreparedCorpus& corpus, const Groups& groups) {
  EvaluatedModel out;
  out.eval = bind_settings<EvalSection>(settings.at("eval"));
  out.model = build_model(settings, corpus, groups, &out.eval);
  load_parameters(
      required_checkpoints(arguments.training, out.eval.checkpoint, out.eval.average.value_or(0)),
      *out.model);
  out.model->eval();
  const EvalSection& eval = out.eval;
  const int64_t parts = settings.value("micro_batch_split", int64_t{1});
  out.rule.search.beam = eval.beam;
  out.rule.search.length_penalty = eval.length_penalty;
  out.rule.search.max_length_a = eval.max_length_a;
  out.rule.search.max_length_b = eval.max_length_b;
  out.rule.max_tokens = std::max(eval.max_tokens / parts, int64_t{1});
  return out;
}

}  // namespace xp
