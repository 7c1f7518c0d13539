// The rules that points break, gathered over all points of a plan.
#pragma once

#include "engine/experiment/load.h"
#include "engine/plan/assessment.h"

#include <string>
#include <vector>

namespace xp {

class BreachList {
 public:
  explicit BreachList(const Spec& spec) : spec_(spec) {}

  /// Adds the broken rules of one point; `number` counts from 1.
  void take(const Assessment& assessment, const std::string& name, size_t number);

  /// Adds one problem for each rule and place, with the first point concerned. Returns the notes.
  std::vector<std::string> report(size_t points, Problems& problems) const;

 private:
  struct Finding {
    Place place;
    std::string code, message, name;
    size_t number = 0, count = 0;
    bool is_note = false;
  };
  const Spec& spec_;
  std::vector<Finding> findings_;
};

}  // namespace xp
