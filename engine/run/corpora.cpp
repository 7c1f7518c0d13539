// Between the plan, which only wants ids, and engine/data, which makes corpora.
#include "engine/run/corpora.h"

#include "engine/data/prepare.h"

namespace xp {

CorpusPlace Corpora::place(bool may_fetch) const {
  return {mirror_, workspace_.downloads(), workspace_.corpus_lock(), spec_folder_, may_fetch};
}

CorpusIdentity Corpora::identity(const Value& corpus) const {
  const CorpusInputs inputs = corpus_inputs(corpus, place(false));
  if (!inputs.missing.empty()) return {"", inputs.missing};
  return {inputs.known ? corpus_id(corpus, inputs) : "", ""};
}

std::string Corpora::prepare(const Value& corpus) const {
  const CorpusPlace here = place(true);
  const CorpusInputs inputs = corpus_inputs(corpus, here);
  if (!inputs.missing.empty()) throw Error(Blame::kUser, inputs.missing);
  const std::string id = corpus_id(corpus, inputs);
  prepare_corpus(corpus, here, workspace_.corpus(id));
  return id;
}

}  // namespace xp
