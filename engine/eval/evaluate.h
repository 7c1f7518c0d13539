// The loss of a model on a subset of a corpus, and its translations of it.
#pragma once

#include "engine/data/prepare.h"
#include "engine/eval/decode.h"
#include "registry/model.h"

#include <string>
#include <vector>

namespace xp {

/// A sentence of a direction, given by its pieces, with the tags and the end that the model of this
/// corpus learned with.
SearchSource search_source(const PreparedCorpus& corpus, const Direction& direction,
                           const Pieces& pieces);

/// What is translated of a subset, and how.
struct SubsetRule {
  DecodeRule decode;
  int64_t max_sentences = 0;  ///< the first ones only; 0 = all
};

/// Translations of a subset in the order of its text, on every rank; see translate. Collective.
std::vector<std::string> translate_subset(TranslationModel& model, const PreparedCorpus& corpus,
                                          const std::string& subset, const Direction& direction,
                                          const SubsetRule& rule, Group& world,
                                          const DecodeProgress& progress = {});

/// Whether a subset has anything to translate in a direction.
bool has_sentences(const PreparedCorpus& corpus, const std::string& subset,
                   const Direction& direction);

/// Sum of -log p of the target tokens in nats, and their number, over all ranks. Collective.
struct SubsetLoss {
  double nll = 0, tokens = 0;
};
SubsetLoss loss_of(TranslationModel& model, const std::vector<Batch>& batches_of_rank,
                   Group& world);

}  // namespace xp
