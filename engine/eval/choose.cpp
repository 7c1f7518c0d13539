// Passes over a row of logits, sixteen at a time.
#include "engine/eval/choose.h"

#include "engine/base/lanes.h"

#include <algorithm>
#include <limits>

namespace xp {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

constexpr int64_t kBlock = 4 * kLanes;

// The first block from `at` on that has a logit above `bound`, or what is left behind whole blocks.
XP_FOR_EACH_PROCESSOR int64_t next_above(const float* x, int64_t at, int64_t count, float bound) {
  for (; at + kBlock <= count; at += kBlock) {
    const Lanes left = larger_of(load_lanes(x + at), load_lanes(x + at + kLanes));
    const Lanes right = larger_of(load_lanes(x + at + 2 * kLanes), load_lanes(x + at + 3 * kLanes));
    if (max_of(larger_of(left, right)) > bound) return at;
  }
  return at;
}

}  // namespace

std::vector<Choice> best_choices(std::span<const float> logits, double log_sum, int64_t count) {
  struct Candidate {
    float logit;
    int32_t piece;
    bool operator<(const Candidate& other) const {  // better ones first
      return logit != other.logit ? logit > other.logit : piece < other.piece;
    }
  };
  std::vector<Candidate> best;  // a heap with the worst on top
  best.reserve(static_cast<size_t>(count));
  const auto size = static_cast<int64_t>(logits.size());
  float bound = kNone;
  for (int64_t at = 0; at < size; at += kBlock) {
    at = next_above(logits.data(), at, size, bound);
    for (int64_t i = at; i < std::min(at + kBlock, size); ++i) {
      const float logit = logits[static_cast<size_t>(i)];
      if (!(logit > bound)) continue;
      if (best.size() == static_cast<size_t>(count)) {
        std::pop_heap(best.begin(), best.end());
        best.pop_back();
      }
      best.push_back({logit, static_cast<int32_t>(i)});
      std::push_heap(best.begin(), best.end());
      if (best.size() == static_cast<size_t>(count)) bound = best.front().logit;
    }
  }
  std::sort_heap(best.begin(), best.end());
  std::vector<Choice> out;
  out.reserve(best.size());
  for (const auto& candidate : best)
    out.push_back({static_cast<double>(candidate.logit) - log_sum, candidate.piece});
  return out;
}

}  // namespace xp
