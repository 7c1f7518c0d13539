// Scores sentences one by one.
#include "results/report/sentence_comparison.h"

#include "engine/base/error.h"
#include "engine/base/ngrams.h"
#include "registry/corpus.h"
#include "results/report/significance.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Adds the sentences of one direction.
void add(const Metric& metric, const std::string& metric_name, const ComparedTexts& texts,
         SentenceComparison& out) {
  const Direction direction = parse_direction(texts.direction);
  const auto counts_of = [&](const std::vector<std::string>& hypotheses) {
    Translations given{texts.sources, hypotheses, texts.references, direction.source,
                       direction.target};
    given.cache = texts.cache;
    return metric.sentence_counts(given);
  };
  const std::vector<SentenceCounts> counts = {counts_of(texts.a), counts_of(texts.b)};
  if (counts[0].width == 0)
    user_error("'{}' does not score single sentences; name another metric", metric_name);
  const auto score = [&](std::span<const int64_t> sums) {
    return metric.score_of({sums, counts[0].num_references}).front().value;
  };
  const auto results = paired_results({}, counts, score);
  const auto p = texts.a == texts.b ? std::nullopt : results[1].p;
  out.totals.push_back({texts.direction, results[0].score, results[1].score, p});
  const auto scores_a = sentence_scores(metric, counts[0]);
  const auto scores_b = sentence_scores(metric, counts[1]);
  for (size_t i = 0; i < texts.sources.size(); ++i) {
    ComparedSentence& one = out.sentences.emplace_back();
    one.direction = texts.direction;
    one.line = i;
    one.score_a = scores_a[i];
    one.score_b = scores_b[i];
    one.gain = out.higher_is_better ? one.score_b - one.score_a : one.score_a - one.score_b;
    one.is_same = texts.a[i] == texts.b[i];
    one.num_words = num_words(texts.sources[i]);
    if (!texts.num_pieces.empty())
      one.pieces_a_word = pieces_a_word(texts.num_pieces[i], one.num_words);
    out.wins += one.gain > 0;
    out.losses += one.gain < 0;
    out.ties += one.gain == 0;
    out.num_same += one.is_same;
  }
}

double key_of(const ComparedSentence& one, SentenceOrder order) {
  switch (order) {
    case SentenceOrder::kGain:
      return one.gain;
    case SentenceOrder::kLoss:
      return -one.gain;
    case SentenceOrder::kLength:
      return static_cast<double>(one.num_words);
    case SentenceOrder::kRare:
      return one.pieces_a_word;
    case SentenceOrder::kDifference:
      break;
  }
  return std::abs(one.gain);
}

}  // namespace

std::vector<double> sentence_scores(const Metric& metric, const SentenceCounts& counts) {
  std::vector<double> out;
  for (size_t i = 0; i < counts.size(); ++i) {
    const CountSums one{counts.of(i), counts.num_references, /*sentence=*/true};
    out.push_back(metric.score_of(one).front().value);
  }
  return out;
}

size_t num_words(const std::string& line) {
  return words(line).size();
}

double pieces_a_word(uint32_t pieces, size_t words) {
  return words == 0 ? 0 : pieces / static_cast<double>(words);
}

double SentenceComparison::win_rate() const {
  const auto count = static_cast<double>(wins + ties + losses);
  return count == 0 ? 0.5 : (static_cast<double>(wins) + 0.5 * static_cast<double>(ties)) / count;
}

SentenceComparison compare_sentences(const Metric& metric, const std::string& metric_name,
                                     const std::vector<ComparedTexts>& texts) {
  const Score sample = metric.sample().front();
  SentenceComparison out;
  out.label = sample.label.empty() ? sample.name : sample.label;
  out.higher_is_better = sample.higher_is_better;
  for (const auto& direction : texts)
    add(metric, metric_name, direction, out);
  return out;
}

std::vector<ComparedSentence> differing(const SentenceComparison& comparison, SentenceOrder order) {
  std::vector<ComparedSentence> out;
  for (const auto& one : comparison.sentences)
    if (!one.is_same) out.push_back(one);
  std::stable_sort(out.begin(), out.end(),
                   [order](const ComparedSentence& a, const ComparedSentence& b) {
                     return key_of(a, order) > key_of(b, order);
                   });
  return out;
}

}  // namespace xp
