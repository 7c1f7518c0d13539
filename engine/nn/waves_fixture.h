// A row of logits for tests, without torch.
#pragma once

#include <cmath>
#include <vector>

namespace xp {

/// Between -20 and 20, few of them alike.
inline std::vector<float> waves(size_t count) {
  std::vector<float> out;
  for (size_t i = 0; i < count; ++i)
    out.push_back(20 * std::sin(static_cast<float>(i * i % 1013)));
  return out;
}

}  // namespace xp
