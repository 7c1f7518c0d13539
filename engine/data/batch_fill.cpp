// A batch of sentences of length L takes 1 / L of as many pairs: sums of squares are over batches.
#include "engine/data/batch_fill.h"

#include "engine/data/sampler.h"

#include <algorithm>

namespace xp {

BatchFill batch_fill(const CorpusOutline& corpus, const SamplingSection& sampling) {
  std::vector<Direction> directions;
  std::vector<int64_t> sizes;
  for (const auto& direction : corpus.directions()) {
    if (!corpus.has("train", direction) || corpus.num_kept("train", direction) == 0) continue;
    directions.push_back(direction);
    sizes.push_back(corpus.num_kept("train", direction));
  }
  if (directions.empty()) return {};
  const auto shares = Sampler(sizes, sampling, 1).shares();
  double source = 0, target = 0, longest = 0, squares = 0;  // of an epoch
  for (size_t i = 0; i < directions.size(); ++i) {
    const Value& counts = corpus.stats().at("train").at(directions[i].name());
    if (!counts.contains("longer_squares")) return {};
    const SentenceFrame frame = corpus.frame(directions[i], 0, 0);
    const auto pairs = static_cast<double>(shares[i]), own = static_cast<double>(sizes[i]);
    const auto mean = [&](const char* key) { return counts.at(key).get<double>() / own; };
    const double added = std::max(frame.num_source_ids(), frame.num_target_ids());
    source += pairs * (mean("source_tokens") + frame.num_source_ids());
    target += pairs * (mean("target_tokens") + frame.num_target_ids());
    longest += pairs * (mean("longer_tokens") + added);
    squares += pairs * (mean("longer_squares") + 2 * added * mean("longer_tokens") + added * added);
  }
  return {source / longest, target / longest, squares / longest};
}

}  // namespace xp
