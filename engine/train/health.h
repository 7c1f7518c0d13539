// The limits of [train.health]: what a training may look like before somebody should know.
#pragma once

#include "registry/model.h"
#include "registry/sections.h"

#include <string>
#include <vector>

namespace xp {

/// A smoothed loss, saved with a checkpoint so that a training that was interrupted is judged the
/// same.
struct LossTrend {
  double mean = 0, lowest_mean = 0;  ///< nats per token; 0 = no update yet
};

/// Compares figures with limits. Pure: every rank that is given the same figures finds the same.
class Health {
 public:
  explicit Health(const HealthSection& limits) : limits_(limits) {}

  /// Of one update; brings `trend` up to date. One sentence for each limit that is broken, naming
  /// setting, limit and value.
  std::vector<std::string> check_update(double loss, double gradient_norm, LossTrend& trend) const;

  /// Of the rows that experts got since the last validation.
  std::vector<std::string> check_loads(const ExpertLoads& loads) const;

  /// Whether a broken limit ends the training.
  bool stops() const { return limits_.action == "stop"; }

 private:
  HealthSection limits_;
};

}  // namespace xp
