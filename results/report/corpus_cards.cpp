// Sums of what preparations counted.
#include "results/report/corpus_cards.h"

#include "engine/base/text.h"
#include "registry/corpus.h"

#include <algorithm>
#include <limits>
#include <set>

namespace xp {
namespace {

double count_in(const Value& counts, const char* key) {
  const auto found = counts.find(key);
  return found != counts.end() && found->is_number() ? found->get<double>() : 0;
}

void add_lengths(const Value& counts, const char* key, std::vector<double>& sums) {
  const auto found = counts.find(key);
  if (found == counts.end() || !found->is_array()) return;
  sums.resize(std::max(sums.size(), found->size()));
  for (size_t i = 0; i < found->size(); ++i)
    if ((*found)[i].is_number()) sums[i] += (*found)[i].get<double>();
}

Histogram length_histogram(const Value& train) {
  std::vector<double> source, target;
  for (const auto& counts : train) {
    add_lengths(counts, "source_lengths", source);
    add_lengths(counts, "target_lengths", target);
  }
  size_t used = std::max(source.size(), target.size());
  source.resize(used);
  target.resize(used);
  while (used > 0 && source[used - 1] == 0 && target[used - 1] == 0)
    --used;
  source.resize(used);
  target.resize(used);
  Histogram out{"Lengths of training sentences", "pieces, from", "sentences", {}, {}};
  for (size_t i = 0; i < used; ++i)
    out.classes.push_back(std::to_string(i * kLengthClass));
  out.series = {{"source", std::move(source)}, {"target", std::move(target)}};
  return out;
}

// The largest first, as the tail is what matters.
Histogram direction_histogram(const Value& train) {
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [direction, counts] : train.items())
    sorted.emplace_back(-count_in(counts, "kept"), direction);
  std::sort(sorted.begin(), sorted.end());
  Histogram out{"Training sentences by direction", "direction", "sentences", {}, {{"kept", {}}}};
  for (const auto& [count, direction] : sorted) {
    out.classes.push_back(direction);
    out.series[0].second.push_back(-count);
  }
  return out;
}

HeatMap kept_sentences(const Value& stats) {
  HeatMap out{"Sentences kept", "direction", "subset", {}, {}, {}, 0, true};
  std::set<std::string> directions;
  for (const auto& [subset, counts] : stats.items()) {
    if (!counts.is_object()) continue;
    out.columns.push_back(subset);
    for (const auto& [direction, _] : counts.items())
      directions.insert(direction);
  }
  std::stable_partition(out.columns.begin(), out.columns.end(),
                        [](const auto& subset) { return subset == "train"; });
  for (const auto& direction : directions) {
    out.rows.push_back(direction);
    auto& line = out.values.emplace_back();
    for (const auto& subset : out.columns) {
      const Value& counts = stats.at(subset);
      line.push_back(counts.contains(direction) ? count_in(counts[direction], "kept")
                                                : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return out;
}

// What became of the training pairs of each direction, and how many pieces they have.
HeatMap training_pairs(const Value& train) {
  HeatMap out{"Training pairs", "direction", "count", {}, {"read"}, {}, 0, true};
  std::set<std::string> reasons;
  for (const auto& counts : train) {
    const auto dropped = counts.find("dropped");
    if (dropped == counts.end() || !dropped->is_object()) continue;
    for (const auto& [reason, _] : dropped->items())
      reasons.insert(reason);
  }
  out.columns.insert(out.columns.end(), reasons.begin(), reasons.end());
  out.columns.insert(out.columns.end(), {"kept", "source pieces", "target pieces"});
  for (const auto& [direction, counts] : train.items()) {
    if (!counts.is_object()) continue;
    out.rows.push_back(direction);
    auto& line = out.values.emplace_back();
    line.push_back(count_in(counts, "read"));
    const Value dropped = counts.value("dropped", Value::object());
    for (const auto& reason : reasons)
      line.push_back(count_in(dropped, reason.c_str()));
    for (const char* key : {"kept", "source_tokens", "target_tokens"})
      line.push_back(count_in(counts, key));
  }
  return out;
}

}  // namespace

std::vector<CorpusCard> corpus_cards(const std::vector<ReportCorpus>& corpora) {
  std::vector<CorpusCard> out;
  for (const auto& [id, stats] : corpora) {
    CorpusCard card{"Corpus " + id, {}, {kept_sentences(stats)}};
    const auto train = stats.find("train");
    if (train != stats.end() && train->is_object()) {
      card.histograms.push_back(length_histogram(*train));
      if (train->size() > 1) card.histograms.push_back(direction_histogram(*train));
      card.tables.push_back(training_pairs(*train));
    }
    out.push_back(std::move(card));
  }
  return out;
}

}  // namespace xp
