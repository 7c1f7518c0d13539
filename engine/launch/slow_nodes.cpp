// A comparison with the median.
#include "engine/launch/slow_nodes.h"

#include <algorithm>

namespace xp {

std::vector<size_t> slow_nodes(const std::vector<double>& seconds) {
  constexpr double kFactor = 4;
  std::vector<size_t> out;
  if (seconds.size() < 3) return out;
  std::vector<double> sorted = seconds;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  for (size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] > kFactor * *middle) out.push_back(i);
  }
  return out;
}

}  // namespace xp
