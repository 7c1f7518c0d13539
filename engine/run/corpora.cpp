// Between the plan, which only wants ids, and engine/data, which makes corpora.
#include "engine/run/corpora.h"

#include "engine/base/file.h"
#include "engine/base/toml.h"
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

std::string Corpora::update(const Value& corpus) const {
  const fs::path lock = workspace_.corpus_lock();
  const std::string before = read_if_there(lock).value_or("");
  if (!before.empty()) {
    Value pins = load_toml(lock.string());
    pins.erase(corpus.at("use").get<std::string>());
    write_atomic(lock, to_toml(pins));
  }
  try {
    return corpus_id(corpus, corpus_inputs(corpus, place(true)));
  } catch (const Error&) {
    if (!before.empty()) write_atomic(lock, before);
    throw;
  }
}

}  // namespace xp
