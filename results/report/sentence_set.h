// The sentences that a page shows: those that tell rows apart, and those that are hard.
#pragma once

#include "results/report/report_input.h"

namespace xp {

/// Sentences on a page: its size is that of these.
constexpr size_t kMaxSentences = 200;

/// What the rows `names` made of a text. Of long texts only some sentences are kept, in the order
/// of the text: three in five are those that rows score most differently, one in five the longest,
/// one in five those with the rarest words; if nothing scores them, sentences spread evenly. Wins
/// are of all sentences. `metric` may be null.
SentenceSet sentence_set(const Metric* metric, const TranslatedTexts& texts,
                         const std::vector<std::string>& names, size_t max = kMaxSentences);

}  // namespace xp
