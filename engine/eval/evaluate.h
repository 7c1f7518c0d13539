// The loss of a model on a subset of a corpus, and its translations of it.
#pragma once

#include "engine/data/prepare.h"
#include "engine/eval/beam.h"
#include "registry/model.h"

#include <map>
#include <string>
#include <vector>

namespace xp {

/// How a subset is split into batches.
struct DecodeRule {
  BeamRule beam;
  int64_t max_tokens = 6000;  ///< per rank: sentences x the longest source, </s> included
  int64_t max_sentences = 0;  ///< translate the first ones only; 0 = all
};

/// Translations of a subset in the order of its text, on every rank. Collective. `progress` is
/// called with the number of finished sentences; it may be empty. Raises kUser if a sentence is
/// longer than the token budget.
std::vector<std::string> translate_subset(
    TranslationModel& model, const PreparedCorpus& corpus, const std::string& subset,
    const Direction& direction, const DecodeRule& rule, Group& world,
    const std::function<void(int64_t done, int64_t total)>& progress = {});

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
