// Settings that do not fit together, found for every point before anything starts: the rules that
// components declare, gathered over the points.
#pragma once

#include "engine/experiment/load.h"
#include "engine/plan/assessment.h"

#include <string>
#include <vector>

namespace xp {

class BreachList {
 public:
  explicit BreachList(const Spec& spec) : spec_(spec) {}

  /// Takes what was found at one point; `number` counts from 1.
  void take(const Assessment& assessment, const std::string& name, size_t number);

  /// Adds one problem for each rule and place, with the first point concerned; notes come back as
  /// sentences.
  std::vector<std::string> report(size_t points, Problems& problems) const;

 private:
  struct Finding {
    Place place;
    std::string code, message, name;
    size_t number = 0, count = 0;
    bool is_note = false;
  };
  /// Of the first of `paths` that is an axis or, failing that, was written.
  Place place_of(const std::vector<std::string>& paths) const;

  const Spec& spec_;
  std::vector<Finding> findings_;
};

}  // namespace xp
