// How full the batches of a training are, from what a prepared corpus counted.
#pragma once

#include "engine/data/prepared_corpus.h"
#include "registry/sections.h"

namespace xp {

/// A batch has as many sentences as would fit if both sides of all were as long as its longest
/// (batcher.h): pads, and what is left of the budget, are no tokens.
struct BatchFill {
  double source = 1, target = 1;  ///< tokens of a side for each token of a pair's longer side
  double length = 1;              ///< of the longer side, </s> and tag included; mean of batches
};

/// Of the subset train, as `sampling` mixes its directions. Full if the corpus does not say
/// (CorpusOutline::stats): it was prepared by an earlier version.
BatchFill batch_fill(const CorpusOutline& corpus, const SamplingSection& sampling);

}  // namespace xp
