// Scores, ranks and picks sentences.
#include "results/report/sentence_set.h"

#include "registry/corpus.h"
#include "results/report/sentence_comparison.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace xp {
namespace {

using RowScores = std::vector<std::vector<double>>;  // of each row; empty: it has none

RowScores scores_of(const Metric& metric, const TranslatedTexts& texts) {
  const Direction direction = parse_direction(texts.direction);
  RowScores out;
  for (const auto& hypotheses : texts.hypotheses) {
    auto& scores = out.emplace_back();
    if (hypotheses.empty()) continue;
    scores =
        sentence_scores(metric, metric.sentence_counts({texts.sources, hypotheses, texts.references,
                                                        direction.source, direction.target}));
  }
  return out;
}

void add_wins(const RowScores& scores, SentenceSet& out) {
  const size_t rows = scores.size();
  out.wins.assign(rows, std::vector<size_t>(rows));
  for (size_t a = 0; a < rows; ++a) {
    for (size_t b = 0; b < rows; ++b) {
      for (size_t i = 0; i < std::min(scores[a].size(), scores[b].size()); ++i) {
        const double gain = scores[a][i] - scores[b][i];
        out.wins[a][b] += out.higher_is_better ? gain > 0 : gain < 0;
      }
    }
  }
}

double spread_of(const RowScores& scores, size_t sentence) {
  std::vector<double> all;
  for (const auto& row : scores)
    if (!row.empty()) all.push_back(row[sentence]);
  if (all.empty()) return 0;
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  return *high - *low;
}

// Marks sentences until `count` are, those with the largest keys first.
void pick(std::vector<bool>& picked, size_t count, const std::function<double(size_t)>& key) {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < picked.size(); ++i)
    if (!picked[i]) order.emplace_back(-key(i), i);
  std::sort(order.begin(), order.end());
  auto have = static_cast<size_t>(std::count(picked.begin(), picked.end(), true));
  for (size_t i = 0; i < order.size() && have < count; ++i, ++have)
    picked[order[i].second] = true;
}

std::vector<bool> picked_sentences(const SentenceSet& all, const RowScores& scores, size_t max) {
  const size_t count = all.sentences.size();
  std::vector<bool> out(count, count <= max);
  if (count <= max) return out;
  if (scores.empty()) {
    for (size_t i = 0; i < max; ++i)
      out[i * count / max] = true;
    return out;
  }
  pick(out, max * 3 / 5, [&](size_t i) { return spread_of(scores, i); });
  pick(out, max * 4 / 5, [&](size_t i) { return all.sentences[i].pieces_a_word; });
  pick(out, max, [&](size_t i) { return static_cast<double>(all.sentences[i].num_words); });
  return out;
}

}  // namespace

SentenceSet sentence_set(const Metric* metric, const TranslatedTexts& texts,
                         const std::vector<std::string>& names, size_t max) {
  SentenceSet out;
  out.rows = names;
  out.num_sentences = texts.sources.size();
  RowScores scores;
  if (metric != nullptr) {
    const Score sample = metric->sample().front();
    out.metric = sample.label.empty() ? sample.name : sample.label;
    out.higher_is_better = sample.higher_is_better;
    scores = scores_of(*metric, texts);
    add_wins(scores, out);
  }
  for (size_t i = 0; i < texts.sources.size(); ++i) {
    TranslatedSentence& one = out.sentences.emplace_back();
    one.direction = texts.direction;
    one.number = static_cast<int64_t>(i) + 1;
    one.source = texts.sources[i];
    one.reference = texts.references[i];
    one.num_words = num_words(one.source);
    if (!texts.num_pieces.empty())
      one.pieces_a_word = pieces_a_word(texts.num_pieces[i], one.num_words);
    for (size_t row = 0; row < texts.hypotheses.size(); ++row) {
      auto& version = one.versions.emplace_back();
      if (texts.hypotheses[row].empty()) continue;
      version.text = texts.hypotheses[row][i];
      if (!scores.empty() && !scores[row].empty()) version.score = scores[row][i];
    }
  }
  const auto picked = picked_sentences(out, scores, max);
  size_t kept = 0;
  for (size_t i = 0; i < picked.size(); ++i) {
    if (!picked[i]) continue;
    if (kept != i) out.sentences[kept] = std::move(out.sentences[i]);
    ++kept;
  }
  out.sentences.resize(kept);
  return out;
}

}  // namespace xp
