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

/// SUBSET.DIRECTION.SIDE: how the names of a side's files begin.
std::string side_stem(const std::string& subset, const Direction& direction, Side side);

/// Whether `folder` is a whole prepared corpus.
bool is_prepared(const fs::path& folder);

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

/// What a prepared corpus says about itself. Its vocabularies, which take longer to open, are not
/// opened. Immutable; may be used by several threads.
class CorpusOutline {
 public:
  /// Raises kMachine if the corpus is missing or damaged.
  explicit CorpusOutline(const fs::path& folder);
  /// The same, with the tags that the table [corpus] asks for.
  CorpusOutline(const fs::path& folder, const Value& corpus_settings);

  const fs::path& folder() const { return folder_; }
  const std::vector<Direction>& directions() const { return directions_; }
  const std::vector<std::string>& subsets() const { return subsets_; }
  bool has(const std::string& subset, const Direction& direction) const;

  /// The content of stats.json: "SUBSET" -> "DIRECTION" -> {"read", "kept", "source_tokens",
  /// "target_tokens", "source_unknown", "target_unknown", "source_lengths", "target_lengths",
  /// "longer_tokens", "longer_squares", "dropped": {reason: count}}. Lengths are the numbers of
  /// sentences by classes of kLengthClass pieces: 0 to 9, 10 to 19, ... "longer_tokens" are those
  /// of each pair's longer side, the squares the sum of its lengths' squares.
  const Value& stats() const { return stats_; }
  /// Pairs of a subset that it has.
  int64_t num_kept(const std::string& subset, const Direction& direction) const;

  /// The tags of [corpus.language_tokens]; none unless opened with settings. Token files have none.
  const LanguageTags& tags() const { return tags_; }
  /// Of vocabularies with so many pieces.
  SentenceFrame frame(const Direction& direction, int32_t source_pieces,
                      int32_t target_pieces) const;

  /// The sentences of a side. Raises kUser if the corpus has no such subset: the message names
  /// those it has. Raises kMachine if they are damaged.
  TokenSet tokens(const std::string& subset, const Direction& direction, Side side) const;

 protected:
  fs::path file(const std::string& subset, const Direction& direction, Side side,
                const char* ending) const;
  [[noreturn]] void refuse_files() const;
  /// That corpus.json is damaged.
  [[noreturn]] void refuse_description(std::string_view why) const;
  /// The component of kind `tokenizer`, as in [corpus.vocabulary].
  const Value& vocabulary_settings() const { return vocabulary_settings_; }

 private:
  fs::path folder_;
  std::vector<Direction> directions_;
  std::vector<std::string> subsets_;
  Value stats_, vocabulary_settings_;
  LanguageTags tags_;
};

/// A prepared corpus, opened for reading. Immutable; may be used by several threads.
class PreparedCorpus : public CorpusOutline {
 public:
  /// The vocabulary of a side; both sides have the same one if it is joint.
  const Vocabulary& vocabulary(Side side = Side::kSource) const;
  bool is_joint() const { return vocabularies_.size() == 1; }

  /// Ids of a side, those of tags included.
  int32_t num_ids(Side side) const {
    return vocabulary(side).size() + static_cast<int32_t>(tags().names().size());
  }
  SentenceFrame frame(const Direction& direction) const {
    return CorpusOutline::frame(direction, vocabulary(Side::kSource).size(),
                                vocabulary(Side::kTarget).size());
  }

  /// As CorpusOutline::tokens, of the size of the vocabulary.
  TokenSet tokens(const std::string& subset, const Direction& direction, Side side) const;

  /// Raw sentences of a subset other than train, in the order of its token files.
  std::vector<std::string> text(const std::string& subset, const Direction& direction,
                                Side side) const;
  std::vector<std::string> references(const std::string& subset, const Direction& direction) const {
    return text(subset, direction, Side::kTarget);
  }

  /// Compares every file with its checksum. Raises kMachine naming the one that is damaged.
  void verify() const;

 private:
  friend PreparedCorpus open_corpus(const fs::path& folder);
  friend PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings);
  explicit PreparedCorpus(CorpusOutline outline);
  std::vector<std::unique_ptr<Vocabulary>> vocabularies_;
};

/// Writes sha256.json: the last file of a corpus.
void note_checksums(const fs::path& folder);

/// Opens what `prepare_corpus` made. Raises kMachine if it is missing or damaged.
PreparedCorpus open_corpus(const fs::path& folder);

/// The same, with the tags that the table [corpus] asks for.
PreparedCorpus open_corpus(const fs::path& folder, const Value& corpus_settings);

}  // namespace xp
