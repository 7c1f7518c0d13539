// Counts the pieces, renumbers them by frequency and writes the files.
#include "engine/data/export.h"

#include "engine/base/error.h"
#include "engine/data/fairseq_bin.h"

#include <map>
#include <set>

namespace xp {
namespace {

// fairseq fills dictionaries up to a multiple of this.
constexpr int64_t kPadding = 8;

struct Numbering {
  FairseqDictionary dictionary;
  std::vector<int32_t> ids;  // ours -> the dictionary's
};

// What is a dictionary already keeps its ids.
bool is_dictionary(const fs::path& vocabulary_folder) {
  return fs::exists(vocabulary_folder / "dict.txt");
}

std::vector<int64_t> counts_in_train(const PreparedCorpus& corpus, const std::set<Side>& sides) {
  std::vector<int64_t> counts(static_cast<size_t>(corpus.vocabulary(*sides.begin()).size()));
  for (const auto& direction : corpus.directions()) {
    if (!corpus.has("train", direction)) continue;
    for (const Side side : sides) {
      const TokenSet tokens = corpus.tokens("train", direction, side);
      for (int64_t i = 0; i < tokens.size(); ++i)
        for (const int32_t id : tokens.sentence(i))
          ++counts[static_cast<size_t>(id)];
    }
  }
  return counts;
}

Numbering numbering(const PreparedCorpus& corpus, const std::set<Side>& sides) {
  const Vocabulary& vocabulary = corpus.vocabulary(*sides.begin());
  const fs::path folder = corpus.is_joint()
                              ? corpus.folder() / "vocabulary"
                              : corpus.folder() / "vocabulary" / side_name(*sides.begin());
  Numbering out;
  if (is_dictionary(folder)) {
    out.dictionary = FairseqDictionary::load(folder / "dict.txt");
    for (int32_t id = 0; id < vocabulary.size(); ++id)
      out.ids.push_back(id);
    return out;
  }
  const auto counts = counts_in_train(corpus, sides);
  std::map<std::string, int64_t> of_piece;
  for (int32_t id = Special::kUnknown + 1; id < vocabulary.size(); ++id) {
    const int64_t count = counts[static_cast<size_t>(id)];
    if (count > 0) of_piece[vocabulary.piece(id)] += count;
  }
  out.dictionary = FairseqDictionary::of_counts(of_piece, 0, 0, kPadding);
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    out.ids.push_back(id <= Special::kUnknown ? id : out.dictionary.id(vocabulary.piece(id)));
  }
  return out;
}

void write_side(const TokenSet& tokens, const Numbering& numbers, const fs::path& stem) {
  FairseqWriter out(stem, numbers.dictionary.size());
  for (int64_t i = 0; i < tokens.size(); ++i) {
    auto ids = tokens.sentence(i);
    for (int32_t& id : ids)
      id = numbers.ids[static_cast<size_t>(id)];
    out.add(ids);
  }
  out.finish();
}

}  // namespace

void export_fairseq(const PreparedCorpus& corpus, const fs::path& folder) {
  std::map<Side, Numbering> numbers;
  if (corpus.is_joint()) {
    numbers[Side::kSource] = numbering(corpus, {Side::kSource, Side::kTarget});
    numbers[Side::kTarget] = numbers[Side::kSource];
  } else {
    for (const Side side : kSides)
      numbers[side] = numbering(corpus, {side});
  }
  std::map<std::string, Side> side_of_language;
  for (const auto& direction : corpus.directions()) {
    for (const Side side : kSides) {
      const auto& language = side == Side::kSource ? direction.source : direction.target;
      const auto [known, is_new] = side_of_language.emplace(language, side);
      if (!is_new && known->second != side && !corpus.is_joint()) {
        user_error(
            "'{}' is a source and a target, which have two vocabularies; fairseq has one "
            "dictionary a language, so export one direction, or use a joint vocabulary",
            language);
      }
      if (is_new)
        write_atomic(folder / fmt::format("dict.{}.txt", language),
                     numbers[side].dictionary.text());
      for (const auto& subset : corpus.subsets()) {
        if (!corpus.has(subset, direction)) continue;
        write_side(corpus.tokens(subset, direction, side), numbers[side],
                   folder / fmt::format("{}.{}.{}", subset, direction.name(), language));
      }
    }
  }
}

}  // namespace xp
