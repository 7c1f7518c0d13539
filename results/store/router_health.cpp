// The last figures of each layer, averaged.
#include "results/store/router_health.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace xp {

std::map<std::string, double> row_percentiles(const Value& shares) {
  std::vector<double> sorted;
  double sum = 0;
  for (const Value& share : shares.is_array() ? shares : Value::array()) {
    if (!share.is_number() || !std::isfinite(share.get<double>())) return {};
    sorted.push_back(share.get<double>());
    sum += sorted.back();
  }
  if (sum <= 0) return {};
  std::sort(sorted.begin(), sorted.end());
  const double even = sum / static_cast<double>(sorted.size());
  const auto at = [&](double part) {
    const double place = part * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    const double share = place - static_cast<double>(below);
    return ((1 - share) * sorted[below] + share * sorted[above]) / even;
  };
  return {{"rows_least", at(0)},
          {"rows_p10", at(0.1)},
          {"rows_median", at(0.5)},
          {"rows_p90", at(0.9)},
          {"rows_most", at(1)}};
}

void RouterHealth::see(const std::string& name, const Value& value) {
  // A layer's figure has four parts: stack, layer, part, name.
  if (std::count(name.begin(), name.end(), '.') != 3) return;
  if (!value.is_number() || !std::isfinite(value.get<double>())) return;
  last_[name] = value.get<double>();
}

std::map<std::string, double> RouterHealth::summary() const {
  std::map<std::string, std::pair<double, double>> sums;
  for (const auto& [name, last] : last_) {
    auto& [sum, count] = sums["router_" + name.substr(name.rfind('.') + 1)];
    sum += last;
    count += 1;
  }
  std::map<std::string, double> out;
  for (const auto& [name, sum] : sums)
    out[name] = sum.first / sum.second;
  return out;
}

}  // namespace xp
