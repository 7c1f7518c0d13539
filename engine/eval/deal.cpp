// Orders the sentences of a round, then deals them out in turn.
#include "engine/eval/deal.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/split_mix.h"
#include "engine/moe/balanced_assignment.h"
#include "engine/moe/counts.h"

#include <algorithm>

namespace xp {
namespace {

using Sentences = std::vector<size_t>;

constexpr uint64_t kSeed = 1;

void shuffle(Sentences& sentences, uint64_t round) {
  SplitMix draws(seed_for(kSeed, "deal", static_cast<int64_t>(round)));
  for (size_t i = sentences.size(); i > 1; --i)
    std::swap(sentences[i - 1], sentences[draws.below(i)]);
}

// [groups, D] of +1 and -1: directions that are nearly orthogonal.
torch::Tensor directions(int64_t groups, int64_t D) {
  SplitMix draws(seed_for(kSeed, "directions", groups));
  std::vector<float> out(static_cast<size_t>(groups * D));
  for (float& value : out)
    value = draws.next() >> 63 == 0 ? 1.0F : -1.0F;
  return torch::tensor(out).view({groups, D});
}

// Those that are alike one after the other, in groups of `ranks`.
Sentences by_likeness(const Sentences& sentences, size_t ranks, const LikenessOf& likeness) {
  std::vector<torch::Tensor> rows;
  for (const size_t sentence : sentences)
    rows.push_back(likeness(sentence));
  const auto x_SD = torch::stack(rows).to(torch::kCPU, torch::kFloat);
  const auto groups = static_cast<int64_t>((sentences.size() + ranks - 1) / ranks);
  const auto score_SK = torch::matmul(x_SD, directions(groups, x_SD.size(1)).t());
  Sentences out;
  for (const int64_t i : to_vector(balanced_assignment(score_SK).order_T))
    out.push_back(sentences[static_cast<size_t>(i)]);
  return out;
}

}  // namespace

Deal deal_of(const std::string& name) {
  if (name == "length") return Deal::kLength;
  if (name == "diverse") return Deal::kDiverse;
  if (name == "random") return Deal::kRandom;
  user_error("'deal' in [eval] is \"{}\"; must be \"length\", \"diverse\" or \"random\"", name);
}

void deal_anew(std::vector<Sentences>& batches, size_t ranks, Deal deal,
               const LikenessOf& likeness) {
  if (deal == Deal::kLength) return;
  for (size_t first = 0; first < batches.size(); first += ranks) {
    Sentences round;
    for (size_t i = first; i < first + ranks; ++i) {
      round.insert(round.end(), batches[i].begin(), batches[i].end());
      batches[i].clear();
    }
    if (deal == Deal::kRandom)
      shuffle(round, first);
    else if (round.size() > ranks)
      round = by_likeness(round, ranks, likeness);
    for (size_t i = 0; i < round.size(); ++i)
      batches[first + i % ranks].push_back(round[i]);
  }
}

}  // namespace xp
