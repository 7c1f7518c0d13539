// The id of a corpus, and its preparation under a lock.
#include "engine/data/prepare.h"

#include "engine/base/hash.h"
#include "engine/data/made_once.h"
#include "engine/data/preparation.h"
#include "registry/sections.h"

#include <algorithm>

namespace xp {
namespace {

// Part of every id: raise it when the same input comes to mean other token files.
constexpr int kRecipe = 3;

// The settings of a component table that change what it does, defaults filled in.
Value content_settings(const std::string& kind, const Value& table) {
  const AnyEntry& entry = find_entry(kind, table.value("use", ""));
  const Declaration declaration = entry.describe(entry);
  Value out = {{"use", versioned_name(declaration)}};
  for (const auto& setting : declaration.settings) {
    if (setting.scope == Scope::kNone || setting.scope == Scope::kContent ||
        setting.scope == Scope::kSpeed)
      continue;
    const Value* given = find_path(table, setting.name);
    Value value = given != nullptr ? *given : setting.fallback;
    if (setting.type == Type::kNumber && value.is_number()) value = value.get<double>();
    set_path(out, setting.name, std::move(value));
  }
  return out;
}

template <class Config>
Value content_of(Config config) {
  Describer describer;
  config.describe(describer);
  Value out = Value::object();
  for (const auto& setting : describer.take())
    out[setting.name] = setting.fallback;
  return out;
}

void require_distinct(const std::vector<std::string>& pairs,
                      const std::vector<Direction>& directions) {
  if (pairs.empty()) user_error("'pairs' in [corpus] is empty; it should be as [\"en-fr\"]");
  for (auto at = directions.begin(); at != directions.end(); ++at) {
    if (std::find(directions.begin(), at, *at) != at)
      user_error("'pairs' in [corpus] names '{}' twice; name it once", at->name());
  }
}

}  // namespace

CorpusInputs corpus_inputs(const Value& corpus_settings, const CorpusPlace& place) {
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  const auto corpus = make_part<Corpus>(corpus_settings);
  const auto directions = corpus->directions(place, section.pairs);
  require_distinct(section.pairs, directions);
  CorpusInputs out = corpus->inputs(place, directions);
  Value model;
  try {
    model = make_part<Tokenizer>(section.vocabulary)->inputs(place.spec_folder);
  } catch (const Error& error) {
    if (error.blame() != Blame::kUser) throw;
    if (out.missing.empty()) out.missing = fmt::format("corpus.vocabulary: {}", error.what());
  }
  out.identity = {{"corpus", out.identity}, {"tokenizer", model}};
  return out;
}

std::optional<DictionarySizes> corpus_dictionary_sizes(const Value& corpus_settings,
                                                       const CorpusPlace& place) {
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  const auto corpus = make_part<Corpus>(corpus_settings);
  return corpus->dictionary_sizes(place, corpus->directions(place, section.pairs));
}

std::optional<std::string> corpus_id(const Value& corpus_settings, const CorpusInputs& inputs) {
  if (!inputs.known || !inputs.missing.empty()) return std::nullopt;
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  return content_id({{"recipe", kRecipe},
                     {"corpus", content_settings(Corpus::kKind, corpus_settings)},
                     {"vocabulary", content_settings(Tokenizer::kKind, section.vocabulary)},
                     {"pairs", section.pairs},
                     {"max_length", section.max_length},
                     {"cleaning", content_of(section.cleaning)},
                     {"inputs", inputs.identity}});
}

void prepare_corpus(const Value& corpus_settings, const CorpusPlace& place,
                    const fs::path& folder) {
  const auto id = [&] { return corpus_id(corpus_settings, corpus_inputs(corpus_settings, place)); };
  const auto expected = fs::exists(folder / "corpus.json") ? std::nullopt : id();
  const fs::path lock = folder.parent_path() / ("." + folder.filename().string() + ".lock");
  make_once(
      folder, folder / "corpus.json", lock,
      [&](const fs::path& fresh) {
        fill_corpus(corpus_settings, place, fresh);
        // An id must not stand for other text than it is a hash of.
        if (expected && id() != expected)
          user_error("the text of the corpus changed while it was read; run this again");
        note_checksums(fresh);
      },
      [&] {
        fmt::print(stderr, "waiting for another process that prepares corpus {}\n",
                   folder.filename().string());
      });
}

}  // namespace xp
