// Means over events.
#include "results/store/step_parts.h"

#include <cmath>
#include <limits>

namespace xp {

void StepTimes::see(int64_t update, const Value& values) {
  std::map<std::string, double> parts;
  for (const char* name : kStepParts) {
    const auto found = values.find(name);
    if (found != values.end() && found->is_number()) parts[name] = found->get<double>();
  }
  if (!parts.empty()) seen_[update] = std::move(parts);
}

std::map<std::string, double> StepTimes::summary() const {
  std::map<std::string, std::map<int64_t, double>> by_name;
  for (const auto& [update, parts] : seen_) {
    for (const auto& [name, value] : parts)
      by_name[name][update] = value;
  }
  std::map<std::string, double> out;
  for (const auto& [name, values] : by_name) {
    const double mean = warm_mean(values);
    if (std::isfinite(mean)) out[name] = mean;
  }
  return out;
}

double warm_mean(const std::map<int64_t, double>& values) {
  double sum = 0, count = 0;
  auto from = values.upper_bound(kWarmUpdates);
  if (from == values.end()) from = values.begin();
  for (; from != values.end(); ++from) {
    if (!std::isfinite(from->second)) continue;
    sum += from->second;
    count += 1;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace xp
