// A prepared corpus: the folder corpora/ID, opened for reading.
//
// The folder holds:
//   corpus.json                     what it is: directions, subsets, settings, inputs
//   SUBSET.DIRECTION.SIDE.N.tokens  token files (token_set.h); SIDE is `source` or `target`
//   SUBSET.DIRECTION.SIDE.txt       raw text of every subset but train, for scoring
//   vocabulary/                     the tokenizer's files (or vocabulary/source, .../target)
//   stats.json                      pairs read, kept and dropped with reasons; tokens
//   sha256.json                     the SHA-256 of every file but token files, which have their own
#pragma once

#include "engine/data/language_tokens.h"
#include "engine/data/token_set.h"
#include "registry/corpus.h"
#include "registry/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace xp {

enum class Side { kSource, kTarget };
inline constexpr Side kSides[] = {Side::kSource, Side::kTarget};
std::string_view side_name(Side side);  ///< "source", "target"

/// The ids around the pieces of a direction's sentences, language tags included: the one place that
/// says where tags go.
struct SentenceFrame {
  std::optional<int32_t> source_first;   ///< before the pieces of a source
  int32_t source_end = Special::kEnd;    ///< after them
  int32_t target_begin = Special::kEnd;  ///< the decoder's first symbol
  std::optional<int32_t> target_first;   ///< before the pieces of a target, which </s> ends

  /// A source as the encoder sees it but for its end.
  std::vector<int32_t> source(std::vector<int32_t> pieces) const;
  uint32_t num_source_ids() const { return source_first ? 2 : 1; }  ///< that it adds
  uint32_t num_target_ids() const { return target_first ? 2 : 1; }  ///< begin or end counted once
};

/// A prepared corpus, opened for reading. Immutable; may be used by several threads.
class PreparedCorpus {
 public:
  const fs::path& folder() const { return folder_; }
  const std::vector<Direction>& directions() const { return directions_; }
  const std::vector<std::string>& subsets() const { return subsets_; }
  bool has(const std::string& subset, const Direction& direction) const;

  /// The vocabulary of a side; both sides have the same one if it is joint.
  const Vocabulary& vocabulary(Side side = Side::kSource) const;
  bool is_joint() const { return vocabularies_.size() == 1; }

  /// The tags of [corpus.language_tokens]; none unless opened with settings. Token files have none.
  const LanguageTags& tags() const { return tags_; }
  /// Ids of a side, those of tags included.
  int32_t num_ids(Side side) const {
    return vocabulary(side).size() + static_cast<int32_t>(tags_.names().size());
  }
  SentenceFrame frame(const Direction& direction) const;

  /// Raises kUser if the corpus has no such subset: the message names those it has.
  TokenSet tokens(const std::string& subset, const Direction& direction, Side side) const;

  /// Raw sentences of a subset other than train, in the order of its token files.
  std::vector<std::string> text(const std::string& subset, const Direction& direction,
                                Side side) const;
  std::vector<std::string> references(const std::string& subset, const Direction& direction) const {
    return text(subset, direction, Side::kTarget);
  }

  /// Compares every file with its checksum. Raises kMachine naming the one that is damaged.
  void verify() const;

  /// The content of stats.json: "SUBSET" -> "DIRECTION" -> {"read", "kept", "source_tokens",
  /// "target_tokens", "source_unknown", "target_unknown", "source_lengths", "target_lengths",
  /// "dropped": {reason: count}}. Lengths are the numbers of sentences with 0 to 9, 10 to 19, ...
  /// pieces.
  const Value& stats() const { return stats_; }

 private:
  friend PreparedCorpus open_corpus(const fs::path& folder);
  friend PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings);
  std::optional<int32_t> tag(const Direction& direction, Side side) const;
  fs::path file(const std::string& subset, const Direction& direction, Side side,
                const char* ending) const;
  fs::path folder_;
  std::vector<Direction> directions_;
  std::vector<std::string> subsets_;
  std::vector<std::unique_ptr<Vocabulary>> vocabularies_;
  Value stats_;
  LanguageTags tags_;
};

/// Writes sha256.json: the last file of a corpus.
void note_checksums(const fs::path& folder);

/// Opens what `prepare_corpus` made. Raises kMachine if it is missing or damaged.
PreparedCorpus open_corpus(const fs::path& folder);

/// The same, with the tags that the table [corpus] asks for.
PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings);

}  // namespace xp
