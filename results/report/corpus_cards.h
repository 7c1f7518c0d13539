// What a page shows of the corpora.
#pragma once

#include "results/report/report.h"

#include <vector>

namespace xp {

/// For each corpus how long its training sentences are, in pieces, all directions together; how
/// many each direction has, if there are several; how many were kept of every subset; and how
/// many training pairs were left out for which reason. What is damaged in the statistics is left
/// out.
std::vector<CorpusCard> corpus_cards(const std::vector<ReportCorpus>& corpora);

}  // namespace xp
