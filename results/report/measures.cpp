// Looking measures up, and scales that a person can read.
#include "results/report/measures.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Decimals that show `digits` figures of `value`.
int decimals_for(double value, int digits) {
  if (value <= 0) return 0;
  return static_cast<int>(std::clamp(digits - 1 - std::floor(std::log10(value)), 0.0, 4.0));
}

}  // namespace

Measures::Measures(const std::vector<Score>& scores) {
  for (const Score& score : scores) {
    Measure measure = measure_of(score);
    const auto [known, is_new] = scores_.emplace(score.name, measure);
    if (is_new) continue;
    if (!score.label.empty()) known->second.label = score.label;
    if (known->second.unit != measure.unit) known->second.unit.clear();
    if (known->second.better != measure.better) known->second.better = Better::kNeither;
  }
}

std::optional<Measure> Measures::find(const std::string& key) const {
  return find_measure(key, [&](const std::string& name) {
    const auto score = scores_.find(name);
    return score == scores_.end() ? std::nullopt : std::optional(score->second);
  });
}

Measure Measures::of(const std::string& key) const {
  if (auto known = find(key)) return *known;
  return {.key = key,
          .label = label_of(key),
          .unit = "",
          .meaning = "",
          .of_evaluation = !key.starts_with(kValidation),
          .is_relative = false};
}

Column column_of(const Measure& measure, std::span<const double> values) {
  double most = 0, least = 0;
  for (const double value : values) {
    const double size = std::abs(value);
    most = std::max(most, size);
    if (size > 0 && (least == 0 || size < least)) least = size;
  }
  Column out{.name = measure.label,
             .unit = measure.unit == measure.label ? "" : measure.unit,
             .is_number = true,
             .better = measure.better,
             .key = measure.key,
             .is_relative = measure.is_relative,
             .is_measured = true,
             .meaning = measure.meaning};
  if (!measure.is_relative) {
    out.decimals = measure.decimals;
    return out;
  }
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T"};
  const double first = measure.is_bytes() ? 1e3 : 1e4;  // 9876 tokens/s need no k
  size_t prefix = 0;
  while (most >= first && most / out.scale >= 1e3 && prefix + 1 < std::size(kPrefixes)) {
    out.scale *= 1e3;
    ++prefix;
  }
  if (measure.is_bytes()) {
    out.unit = kPrefixes[prefix] + measure.unit;
  } else {
    out.suffix = kPrefixes[prefix];
  }
  const auto is_whole = [](double value) { return value == std::floor(value); };
  if (out.scale == 1 && std::all_of(values.begin(), values.end(), is_whole)) {
    out.decimals = 0;
  } else if (least * 100 < most) {  // three figures of both would need too many decimals
    out.decimals = std::max(decimals_for(most / out.scale, 3),
                            std::min(decimals_for(least / out.scale, 1), 3));
  } else {
    out.decimals = decimals_for(least / out.scale, 3);
  }
  return out;
}

}  // namespace xp
