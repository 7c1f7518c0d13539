// The last figures of each layer, averaged.
#include "results/store/router_health.h"

#include <algorithm>
#include <cmath>

namespace xp {

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
