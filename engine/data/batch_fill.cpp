// Sums over a sample; a batch of sentences of length L has 1 / L of the pairs that are as long.
#include "engine/data/batch_fill.h"

#include "engine/data/sampler.h"

#include <algorithm>

namespace xp {
namespace {

// Means over pairs, weighted as they are sampled.
struct LengthSums {
  double source = 0, target = 0, longest = 0, squares = 0;
};

void add_sample(const CorpusOutline& corpus, const Direction& direction, double pairs,
                LengthSums& sums) {
  // Blocks from end to end: a page of the index each, however long it is.
  constexpr int64_t kBlocks = 32;
  const TokenSet source = corpus.tokens("train", direction, Side::kSource),
                 target = corpus.tokens("train", direction, Side::kTarget);
  const SentenceFrame frame = corpus.frame(direction, 0, 0);
  const int64_t size = source.size(), stride = std::max(Sampler::kBlock, size / kBlocks);
  LengthSums own;
  int64_t count = 0;
  for (int64_t first = 0; first < size; first += stride) {
    const int64_t end = std::min(size, first + Sampler::kBlock);
    for (int64_t i = first; i < end; ++i) {
      const double s = source.length(i) + frame.num_source_ids(),
                   t = target.length(i) + frame.num_target_ids(), longest = std::max(s, t);
      own.source += s;
      own.target += t;
      own.longest += longest;
      own.squares += longest * longest;
    }
    count += end - first;
  }
  const double weight = count > 0 ? pairs / static_cast<double>(count) : 0;
  sums.source += weight * own.source;
  sums.target += weight * own.target;
  sums.longest += weight * own.longest;
  sums.squares += weight * own.squares;
}

}  // namespace

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
  LengthSums sums;
  for (size_t i = 0; i < directions.size(); ++i)
    add_sample(corpus, directions[i], static_cast<double>(shares[i]), sums);
  return {sums.source / sums.longest, sums.target / sums.longest, sums.squares / sums.longest};
}

}  // namespace xp
