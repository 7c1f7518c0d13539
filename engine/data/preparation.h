// The steps from text to token files, inside a folder that is not a corpus until all are done.
#pragma once

#include "engine/base/file.h"
#include "registry/corpus.h"

namespace xp {

/// Puts what a prepared corpus consists of (prepared_corpus.h) into `folder`. See prepare_corpus,
/// which makes the folder appear as a whole. Memory does not grow with the corpus but for a bit a
/// pair and what the tokenizer learns from.
void fill_corpus(const Value& corpus_settings, const CorpusPlace& place, const fs::path& folder);

}  // namespace xp
