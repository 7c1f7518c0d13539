// Prepares a corpus: from the table [corpus] to its folder.
#pragma once

#include "engine/data/prepared_corpus.h"
#include "registry/corpus.h"

#include <string>

namespace xp {

/// The sizes of the dictionaries that [corpus] brings; see Corpus::dictionary_sizes. Raises kUser.
std::optional<DictionarySizes> corpus_dictionary_sizes(const Value& corpus_settings,
                                                       const CorpusPlace& place);

/// What [corpus] consumes, the tokenizer's model included; see Corpus::inputs. Raises kUser.
CorpusInputs corpus_inputs(const Value& corpus_settings, const CorpusPlace& place);

/// The id of a corpus: of its settings without those that only say where files lie (scope kNone),
/// defaults filled in, and of its inputs' contents. Nothing if the inputs are not known.
std::optional<std::string> corpus_id(const Value& corpus_settings, const CorpusInputs& inputs);

/// Makes `folder` from `corpus_settings` (the table [corpus], with `use`) unless it is there. Two
/// processes never prepare the same folder: the second waits for the first. Either the whole folder
/// appears or nothing. Left out of train, and counted: blank sides, what [corpus.cleaning] names,
/// and pairs with a side of more than `max_length` pieces. Works on all cores; the result does not
/// depend on their number. Shows progress on standard error. Raises kUser (the input), kMachine (no
/// space, no permission, no network).
void prepare_corpus(const Value& corpus_settings, const CorpusPlace& place, const fs::path& folder);

}  // namespace xp
