// Two systems sentence by sentence: which of them is better at each, and by how much.
#pragma once

#include "registry/metric.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// One direction of a subset as both systems translated it; line i of each belongs together.
struct ComparedTexts {
  std::string direction;
  std::vector<std::string> sources, references, a, b;
  std::vector<uint32_t> num_pieces{};  ///< of each source; empty: not known
  std::filesystem::path cache{};       ///< as in Translations
};

/// A sentence with its scores by itself.
struct ComparedSentence {
  std::string direction;
  size_t line = 0;  ///< from 0
  double score_a = 0, score_b = 0;
  double gain = 0;           ///< of b over a: positive if b is better, whichever way is up
  bool is_same = false;      ///< both have the same text
  size_t num_words = 0;      ///< of the source, between white space
  double pieces_a_word = 0;  ///< of the source: more for words that are rare in the training text
};

struct SentenceComparison {
  std::string label;  ///< of the metric's first score: "chrF"
  bool higher_is_better = true;
  std::vector<ComparedSentence> sentences;  ///< all, in the order of the texts
  size_t wins = 0, ties = 0, losses = 0;    ///< of b
  size_t num_same = 0;                      ///< ties that have the same text

  /// Share of the sentences that b translates better, ties counted half; 0.5 of none.
  double win_rate() const;

  /// One direction's scores as texts, and how likely such a difference is without a cause (paired
  /// bootstrap; see significance.h); equal texts have no p.
  struct Total {
    std::string direction;
    double score_a = 0, score_b = 0;
    std::optional<double> p;
  };
  std::vector<Total> totals;
};

/// The first score of `metric` of every sentence by itself; none if it does not score sentences.
std::vector<double> sentence_scores(const Metric& metric, const SentenceCounts& counts);

/// How many words a line has, between white space, and its pieces a word; 0 of no words.
size_t num_words(const std::string& line);
double pieces_a_word(uint32_t pieces, size_t words);

/// By the first score of `metric`. Raises kUser if it does not score sentences. Cost: that of the
/// metric, and a thousand resamples of each direction.
SentenceComparison compare_sentences(const Metric& metric, const std::string& metric_name,
                                     const std::vector<ComparedTexts>& texts);

/// What comes first: the largest difference either way, what b gains or loses most, the longest
/// source, or the rarest words.
enum class SentenceOrder { kDifference, kGain, kLoss, kLength, kRare };
/// Their names, in that order.
inline constexpr const char* kSentenceOrders[] = {"difference", "gain", "loss", "length", "rare"};

/// Those whose texts differ, in that order.
std::vector<ComparedSentence> differing(const SentenceComparison& comparison, SentenceOrder order);

}  // namespace xp
