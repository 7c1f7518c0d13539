// Who a corpus is, and that it is made once.
#include "engine/data/prepare.h"

#include "engine/base/hash.h"
#include "engine/data/preparation.h"
#include "registry/sections.h"

namespace xp {
namespace {

// Part of every id: raise it when the same input comes to mean other token files.
constexpr int kRecipe = 2;

// The settings of a component table that change what it does, defaults filled in.
Value content_settings(const std::string& kind, const Value& table) {
  const AnyEntry& entry = find_entry(kind, table.value("use", ""));
  const Declaration declaration = entry.describe(entry);
  Value out = {{"use", versioned_name(declaration)}};
  for (const auto& setting : declaration.settings) {
    if (setting.scope == Scope::kNone || setting.scope == Scope::kSpeed) continue;
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

// What a killed preparation left beside `folder`; only the holder of the lock may call this.
void remove_leftovers(const fs::path& folder) {
  const std::string start = "." + folder.filename().string() + ".";
  for (const auto& entry : fs::directory_iterator(folder.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.ends_with(".new")) fs::remove_all(entry.path());
  }
}

}  // namespace

CorpusInputs corpus_inputs(const Value& corpus_settings, const CorpusPlace& place) {
  const auto section = bind_settings<CorpusSection>(corpus_settings);
  const auto corpus = make_part<Corpus>(corpus_settings);
  CorpusInputs out = corpus->inputs(place, corpus->directions(place, section.pairs));
  const Value model = make_part<Tokenizer>(section.vocabulary)->inputs(place.spec_folder);
  out.identity = {{"corpus", out.identity}, {"tokenizer", model}};
  return out;
}

std::string corpus_id(const Value& corpus_settings, const CorpusInputs& inputs) {
  if (!inputs.known || !inputs.missing.empty()) return "?";
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
  if (fs::exists(folder / "corpus.json")) return;
  const fs::path lock_file = folder.parent_path() / ("." + folder.filename().string() + ".lock");
  const auto lock = FileLock::wait(lock_file, [&] {
    fmt::print(stderr, "waiting for another process that prepares corpus {}\n",
               folder.filename().string());
  });
  if (fs::exists(folder / "corpus.json")) return;
  remove_leftovers(folder);
  make_folder_atomic(folder,
                     [&](const fs::path& fresh) { fill_corpus(corpus_settings, place, fresh); });
}

}  // namespace xp
