// Which pieces can follow a hypothesis, by its row of logits. No torch in here, so that the loops
// are compiled for every generation of processors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

struct Choice {
  double log_p;
  int32_t piece;
};

/// The `count` likeliest pieces that are not -inf, best first; equal ones in the order of their
/// ids. `log_sum` is that of all logits before any was forbidden. Cost: one pass over the logits.
std::vector<Choice> best_choices(std::span<const float> logits, double log_sum, int64_t count);

}  // namespace xp
