// Writes a prepared corpus as fairseq's files.
#pragma once

#include "engine/data/prepared_corpus.h"

namespace xp {

/// Writes SUBSET.A-B.LANG.{bin,idx} and dict.LANG.txt into `folder`, the bytes that
/// fairseq-preprocess writes for the same pieces: ids are given by how often a piece stands in
/// train, unless the vocabulary is a dictionary of fairseq's already. Pieces that the vocabulary
/// does not know are <unk>. Raises kUser if a language would need two dictionaries, kMachine
/// if there is no space.
void export_fairseq(const PreparedCorpus& corpus, const fs::path& folder);

}  // namespace xp
