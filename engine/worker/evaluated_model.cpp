// Finds and loads checkpoints.
#include "engine/worker/evaluated_model.h"

#include "engine/train/checkpoint.h"
#include "results/runs/checkpoints.h"

namespace xp {
namespace {

SearchRule search_rule(const EvalSection& eval) {
  SearchRule out;
  out.beam = eval.beam;
  out.length_penalty = eval.length_penalty;
  out.max_length_a = eval.max_length_a;
  out.max_length_b = eval.max_length_b;
  out.min_length_a = eval.min_length_a.value_or(0);
  out.min_length_b = eval.min_length_b.value_or(0);
  out.no_repeat_ngram = eval.no_repeat_ngram.value_or(0);
  const auto& [temperature, top_p, top_k, seed] = eval.sampling;
  if (temperature || top_p || top_k) {
    out.sampling = {temperature.value_or(1), top_k.value_or(0), top_p.value_or(1),
                    static_cast<uint64_t>(seed.value_or(1))};
  }
  return out;
}

}  // namespace

EvaluatedModel load_evaluated(const WorkerArguments& arguments, const Value& settings,
                              const PreparedCorpus& corpus, const Groups& groups) {
  EvaluatedModel out;
  out.eval = bind_settings<EvalSection>(settings.at("eval"));
  out.model = build_model(settings, corpus, groups, &out.eval);
  load_parameters(
      required_checkpoints(arguments.training, out.eval.checkpoint, out.eval.average.value_or(0)),
      *out.model);
  out.model->eval();
  out.rule.search = search_rule(out.eval);
  out.rule.deal = deal_of(out.eval.deal.value_or("length"));
  const int64_t parts = settings.value("micro_batch_split", int64_t{1});
  out.rule.max_tokens = std::max(out.eval.max_tokens / parts, int64_t{1});
  return out;
}

}  // namespace xp
