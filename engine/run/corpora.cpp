// Between the plan, which only wants ids, and engine/data, which makes corpora.
#include "engine/run/corpora.h"

#include "engine/base/file.h"
#include "engine/base/toml.h"
#include "engine/data/batch_fill.h"
#include "engine/data/prepare.h"
#include "engine/data/prepared_corpus.h"
#include "engine/plan/recorded_plan.h"

#include <set>

namespace xp {

CorpusPlace Corpora::place(bool may_fetch) const {
  return {mirror_, workspace_.downloads(), workspace_.corpus_lock(), spec_folder_, may_fetch};
}

CorpusIdentity Corpora::identity_of_inputs(const Value& corpus) const {
  const std::string text = canonical_text(corpus);
  const auto seen = seen_inputs_.find(text);
  if (seen != seen_inputs_.end()) return seen->second;
  const CorpusInputs inputs = corpus_inputs(corpus, place(false));
  return seen_inputs_[text] = {corpus_id(corpus, inputs), inputs.missing};
}

void Corpora::forget() const {
  seen_inputs_.clear();
  seen_figures_.clear();
}

// Of the trainings in the experiment's last plan, one for each corpus, the one whose [corpus] is
// the same to the letter.
std::optional<std::string> Corpora::recorded_id(const Value& corpus) const {
  const std::string wanted = to_toml(corpus);
  std::set<std::string> seen;
  for (const auto& point : recorded_points(workspace_.experiment(experiment_))) {
    if (!point.ids || seen.contains(point.ids->corpus)) continue;
    const auto text = read_if_there(spec_file(workspace_.training(point.ids->training)));
    if (!text) continue;
    seen.insert(point.ids->corpus);
    Problems problems;
    const Value spec = parse_toml(*text, "spec.toml", problems).value;
    const auto table = spec.find("corpus");
    if (table != spec.end() && to_toml(*table) == wanted && spec.contains("corpus_id"))
      return spec["corpus_id"].get<std::string>();
  }
  return std::nullopt;
}

CorpusIdentity Corpora::identity(const Value& corpus) const {
  CorpusIdentity out;
  std::optional<Error> refusal;
  try {
    out = identity_of_inputs(corpus);
  } catch (const Error& error) {  // a folder that may not be read, say
    if (error.blame() != Blame::kUser) throw;
    refusal = error;
    out.missing = error.what();
  }
  if (out.id) return out;
  out.id = recorded_id(corpus);
  if (!out.id && refusal) throw *refusal;
  if (out.id && is_prepared(workspace_.corpus(*out.id))) out.missing.clear();
  return out;
}

Value Corpora::dictionary_figures(const Value& corpus) const {
  std::optional<DictionarySizes> sizes;
  try {
    sizes = corpus_dictionary_sizes(corpus, place(false));
  } catch (const Error&) {
    sizes = DictionarySizes{};  // `identity` says what is wrong with the corpus
  }
  if (!sizes) return Value::object();
  const auto number = [](const std::optional<int64_t>& size) {
    return size ? Value(*size) : Value();
  };
  return {{"source_pieces", number(sizes->source)}, {"target_pieces", number(sizes->target)}};
}

Value Corpora::figures(const Value& corpus) const {
  const auto [seen, is_new] = seen_figures_.try_emplace(canonical_text(corpus));
  if (!is_new) return seen->second;
  Value& out = seen->second = dictionary_figures(corpus);
  try {
    const auto id = identity(corpus).id;
    if (!id || !is_prepared(workspace_.corpus(*id))) return out;
    const BatchFill fill = batch_fill(CorpusOutline(workspace_.corpus(*id), corpus),
                                      bind_settings<CorpusSection>(corpus).sampling);
    out["source_fill"] = fill.source;
    out["target_fill"] = fill.target;
    out["batch_length"] = fill.length;
  } catch (const Error&) {  // who uses the corpus says what is wrong with it
  } catch (const Value::exception&) {
  }
  return out;
}

std::string Corpora::id_after_fetch(const Value& corpus) const {
  const CorpusInputs inputs = corpus_inputs(corpus, place(true));
  if (!inputs.missing.empty()) throw Error(Blame::kUser, inputs.missing);
  return corpus_id(corpus, inputs).value();
}

std::string Corpora::prepare(const Value& corpus) const {
  const std::string id = id_after_fetch(corpus);
  prepare_corpus(corpus, place(true), workspace_.corpus(id));
  forget();
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
  forget();
  try {
    return id_after_fetch(corpus);
  } catch (const Error&) {
    if (!before.empty()) write_atomic(lock, before);
    throw;
  }
}

}  // namespace xp
