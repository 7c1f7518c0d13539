// From [corpus] to a folder of token files, made once.
//
// The folder corpora/ID holds:
//   corpus.json                     what it is: directions, subsets, vocabulary settings; stats
//   SUBSET.DIRECTION.SIDE.tokens    token files (token_file.h); SIDE is `source` or `target`
//   SUBSET.DIRECTION.SIDE.txt       raw text of every subset but train, for scoring
//   vocabulary/                     the tokenizer's files (or vocabulary/source, .../target)
//   stats.json                      pairs read, kept and dropped with reasons; tokens
#pragma once

#include "engine/data/token_file.h"
#include "registry/corpus.h"
#include "registry/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace xp {

/// What [corpus] consumes, the tokenizer's model included; see Corpus::inputs. Raises kUser.
CorpusInputs corpus_inputs(const Value& corpus_settings, const CorpusPlace& place);

/// The id of a corpus: of its settings without those that only say where files lie (scope kNone),
/// defaults filled in, and of its inputs' contents. `?` where the inputs are not known.
std::string corpus_id(const Value& corpus_settings, const CorpusInputs& inputs);

/// Makes `folder` from `corpus_settings` (the table [corpus], with `use`) unless it is there. Two
/// processes never prepare the same folder: the second waits for the first. Either the whole folder
/// appears or nothing. Left out of train, and counted: blank sides, repeated pairs, pairs whose
/// source or target stands in another subset (text_key), pairs with a side of more than
/// `max_length` pieces. Shows progress on standard error. Raises kUser (the input), kMachine (no
/// space, no permission, no network).
void prepare_corpus(const Value& corpus_settings, const CorpusPlace& place, const fs::path& folder);

enum class Side { kSource, kTarget };
std::string_view side_name(Side side);  ///< "source", "target"

/// A prepared corpus, opened for reading. Immutable; may be used by several threads.
class PreparedCorpus {
 public:
  const fs::path& folder() const { return folder_; }
  const std::vector<Direction>& directions() const { return directions_; }
  const std::vector<std::string>& subsets() const { return subsets_; }
  bool has(const std::string& subset, const Direction& direction) const;

  /// The vocabulary of a side; both sides have the same one where it is joint.
  const Vocabulary& vocabulary(Side side = Side::kSource) const;
  bool is_joint() const { return vocabularies_.size() == 1; }

  /// Raises kUser where the corpus has no such subset: the message names those it has.
  TokenFile tokens(const std::string& subset, const Direction& direction, Side side) const;

  /// Raw sentences of a subset other than train, in the order of its token files.
  std::vector<std::string> text(const std::string& subset, const Direction& direction,
                                Side side) const;
  std::vector<std::string> references(const std::string& subset, const Direction& direction) const {
    return text(subset, direction, Side::kTarget);
  }

  /// The content of stats.json: "SUBSET" -> "DIRECTION" -> {"read", "kept", "source_tokens",
  /// "target_tokens", "source_unknown", "target_unknown", "dropped": {reason: count}}.
  const Value& stats() const { return stats_; }

 private:
  friend PreparedCorpus open_corpus(const fs::path& folder);
  fs::path file(const std::string& subset, const Direction& direction, Side side,
                const char* ending) const;
  fs::path folder_;
  std::vector<Direction> directions_;
  std::vector<std::string> subsets_;
  std::vector<std::unique_ptr<Vocabulary>> vocabularies_;
  Value stats_;
};

/// Opens what `prepare_corpus` made. Raises kMachine where it is missing or damaged.
PreparedCorpus open_corpus(const fs::path& folder);

}  // namespace xp
