// Translates many sentences on all ranks.
#pragma once

#include "engine/eval/deal.h"
#include "engine/eval/search.h"

#include <functional>
#include <string>
#include <vector>

namespace xp {

/// How sentences share the memory of a rank.
struct DecodeRule {
  SearchRule search;
  int64_t max_tokens = 6000;  ///< per rank: source pieces being translated at once; with another
                              ///< deal than kLength a batch may have somewhat more
  Deal deal = Deal::kLength;  ///< of models that do not decode rows independently
};

/// Called with the number of finished sentences of all ranks; on every rank, whenever the number
/// grew by a percent or more.
using DecodeProgress = std::function<void(int64_t done, int64_t total)>;

/// The best hypotheses of each sentence, in their order, on every rank. `sources` and `rule` are
/// the same on every rank. Collective. Ranks take the longest sentences first, from one queue;
/// those of a model with experts step together until all are done. The results do not depend on the
/// number of ranks and on `max_tokens` if the model decodes rows independently; if it does not,
/// sentences are translated in fixed batches and the results depend on both. Raises kUser if `rule`
/// is wrong or a source is longer than `max_tokens`, before anything is translated.
std::vector<std::vector<Hypothesis>> translate(TranslationModel& model,
                                               const std::vector<SearchSource>& sources,
                                               const DecodeRule& rule, Group& world,
                                               const DecodeProgress& progress = {});

}  // namespace xp
