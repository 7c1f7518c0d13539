// A small model on a prepared corpus, for tests of training.
#pragma once

#include "engine/data/prepared_corpus.h"
#include "registry/model.h"

#include <memory>
#include <string>

namespace xp {

/// [model.moe] with four experts in every layer.
inline Value four_experts(const std::string& exchange) {
  return {{"every", 1},
          {"experts", 4},
          {"router", {{"use", "top2"}}},
          {"exchange", {{"use", exchange}}}};
}

/// A transformer of one layer on each side. `changes` are added to its settings, or replace them.
inline std::shared_ptr<TranslationModel> small_model(const PreparedCorpus& corpus,
                                                     const Groups& groups, const Value& changes,
                                                     bool recomputes_activations = false) {
  ModelContext context;
  context.source_vocabulary = corpus.num_ids(Side::kSource);
  context.target_vocabulary = corpus.num_ids(Side::kTarget);
  context.groups = groups;
  context.recomputes_activations = recomputes_activations;
  Value settings = {{"use", "transformer"}, {"encoder_layers", 1}, {"decoder_layers", 1},
                    {"width", 8},           {"ffn_width", 16},     {"heads", 2}};
  settings.update(changes);
  return make_part<Model>(settings)->build(context);
}

}  // namespace xp
