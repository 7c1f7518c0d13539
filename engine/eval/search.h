// Searches translations piece by piece: beam search, greedy search or sampling.
//
// Hypotheses of all open sentences are the rows of one batch. A sentence leaves it when it is
// finished, and another one can take its place at any step.
#pragma once

#include "registry/model.h"
#include "registry/tokenizer.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace xp {

using Pieces = std::vector<int32_t>;

/// Draws pieces at random instead of searching for the likeliest ones.
struct Sampling {
  double temperature = 1;  ///< > 0; below 1 prefers likely pieces
  int64_t top_k = 0;       ///< among the k likeliest pieces; 0 = all
  double top_p = 1;        ///< among the likeliest pieces that together have this probability
  uint64_t seed = 1;
};

struct SearchRule {
  int64_t beam = 5;  ///< hypotheses kept per sentence, or drawn if sampling; 1 = greedy
  double length_penalty =
      1.0;  ///< a finished hypothesis scores log p / length ^ length_penalty, </s> counted
  double max_length_a = 1.2, max_length_b = 10;  ///< max = a x source length + b, without </s>
  double min_length_a = 0, min_length_b = 0;     ///< min likewise; the maximum wins
  int64_t no_repeat_ngram =
      0;                 ///< no n-gram of this length comes twice in a hypothesis; 0: any may
  int64_t num_best = 1;  ///< hypotheses returned for each sentence, at most `beam`
  std::optional<Sampling> sampling = {};
  bool is_aligning = false;                  ///< whether hypotheses say what their pieces attend to
  static constexpr double kMaxLength = 1e6;  ///< whatever a and b say
};

/// Raises kUser if a value is out of range: a beam of 0, a temperature that is not positive, ...
void check_rule(const SearchRule& rule);

/// A sentence to translate, as the model reads it.
struct SearchSource {
  Pieces pieces;                  ///< with language tags and the end
  int32_t begin = Special::kEnd;  ///< the decoder's first symbol
  Pieces prefix;                  ///< what the translation begins with
  size_t num_hidden = 0;          ///< so many of the prefix are not part of the translation: tags
  int32_t num_pieces = std::numeric_limits<int32_t>::max();  ///< ids from here on never follow
  std::optional<uint64_t> draw_number =
      {};  ///< seeds its draws; if unset, the number it is added under
};

struct Hypothesis {
  Pieces pieces;     ///< without </s> and the hidden prefix
  double log_p = 0;  ///< of all its pieces, those of the prefix and </s> included
  double score = 0;  ///< log_p / length ^ length_penalty, all of them counted
  /// If asked: for each piece, the place in the source's pieces that the last decoder layer attends
  /// to most when it chooses the piece.
  std::vector<int32_t> aligned = {};
};

/// The best hypotheses of a sentence, best first; fewer than asked if the model has no more.
struct SearchResult {
  size_t sentence;  ///< the number it was added under
  std::vector<Hypothesis> best;
};

/// The open sentences of one rank. All calls are collective if the model is: every rank makes the
/// same ones, those without sentences too.
class Search {
 public:
  Search(TranslationModel& model, const SearchRule& rule);
  ~Search();

  /// Encodes sentences and opens them. `numbers` names them in results.
  void add(const std::vector<size_t>& numbers, const std::vector<const SearchSource*>& sources);
  /// One more piece for every hypothesis; returns the sentences that are finished by it. Cost: one
  /// decoder step.
  std::vector<SearchResult> step();
  size_t num_open() const { return open_.size(); }
  /// Rows of the next step.
  int64_t num_rows() const { return static_cast<int64_t>(rows_.size()); }

 private:
  struct Sentence;

  // `first_row`: of each open sentence.
  void note_attended(const std::vector<int64_t>& first_row);
  template <class Choose>
  void for_each_row(const std::vector<int64_t>& first_row, Choose choose);
  void choose_from(const torch::Tensor& logits_RV, const std::vector<int64_t>& first_row);
  int64_t num_pieces_of_all(int64_t V) const;
  void choose_on_device(const torch::Tensor& logits_RV, int64_t num_pieces,
                        const std::vector<int64_t>& first_row);

  TranslationModel& model_;
  SearchRule rule_;
  bool fixed_rows_;  // `beam` rows for each sentence, also at its first piece
  std::unique_ptr<DecodeState> state_;
  std::vector<std::unique_ptr<Sentence>> open_;
  std::vector<DecodeRow> rows_;  // of the next step: those of the sentences in order
};

}  // namespace xp
