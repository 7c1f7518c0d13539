// Scores sentences one by one.
#include "results/report/sentence_comparison.h"

#include "engine/base/error.h"
#include "engine/base/ngrams.h"
#include "results/report/significance.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

double sentence_score(const Metric& metric, const SentenceCounts& counts, size_t sentence) {
  const CountSums one{counts.of(sentence), counts.num_references, /*sentence=*/true};
  return metric.score_of(one).front().value;
}

// Adds the sentences of one direction.
void add(const Metric& metric, const ComparedTexts& texts, SentenceComparison& out) {
  const auto counts_of = [&](const std::vector<std::string>& hypotheses) {
    return metric.sentence_counts({texts.sources, hypotheses, texts.references});
  };
  const std::vector<SentenceCounts> counts = {counts_of(texts.a), counts_of(texts.b)};
  const auto score = [&](std::span<const int64_t> sums) {
    return metric.score_of({sums, counts[0].num_references}).front().value;
  };
  const auto results = paired_results({}, counts, score);
  out.totals.push_back({texts.direction, results[0].score, results[1].score, results[1].p});
  for (size_t i = 0; i < texts.sources.size(); ++i) {
    ComparedSentence& one = out.sentences.emplace_back();
    one.direction = texts.direction;
    one.line = i;
    one.score_a = sentence_score(metric, counts[0], i);
    one.score_b = sentence_score(metric, counts[1], i);
    one.gain = out.higher_is_better ? one.score_b - one.score_a : one.score_a - one.score_b;
    one.is_same = texts.a[i] == texts.b[i];
    one.num_words = words(texts.sources[i]).size();
    if (!texts.num_pieces.empty() && one.num_words > 0)
      one.pieces_a_word = texts.num_pieces[i] / static_cast<double>(one.num_words);
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

SentenceComparison compare_sentences(const Metric& metric, const std::string& metric_name,
                                     const std::vector<ComparedTexts>& texts) {
  const Score sample = sample_scores(metric).front();
  SentenceComparison out;
  out.label = sample.label.empty() ? sample.name : sample.label;
  out.higher_is_better = sample.higher_is_better;
  const std::vector<std::string> word = {"word"};
  if (metric.sentence_counts({word, word, word}).width == 0)
    user_error("'{}' does not score single sentences; name another metric", metric_name);
  for (const auto& direction : texts)
    add(metric, direction, out);
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
