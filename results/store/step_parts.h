// Where the time of a training's updates went.
#pragma once

#include "engine/base/value.h"

#include <cstdint>
#include <map>
#include <string>

namespace xp {

/// Events of the first updates are slower: memory is first touched, and shapes are seen first.
constexpr int64_t kWarmUpdates = 10;

/// What an update's time is split into, as the first rank logs it.
inline constexpr const char* kStepParts[] = {"compute_ms", "in_node_ms", "inter_node_ms",
                                             "exposed_ms"};

/// Collects the events of updates. A later attempt's event replaces that of an earlier one.
class StepTimes {
 public:
  void see(int64_t update, const Value& values);

  /// The mean of each of kStepParts, without the first updates if there are others. Empty for runs
  /// that logged none.
  std::map<std::string, double> summary() const;

 private:
  std::map<int64_t, std::map<std::string, double>> seen_;  ///< by update
};

/// The mean of values by update, without the first updates if there are others; those that are not
/// finite are left out. NaN if none is left.
double warm_mean(const std::map<int64_t, double>& values);

}  // namespace xp
