// Settings that do not fit together, found for every point before anything starts.
#pragma once

#include "engine/spec/load.h"

#include <string>
#include <vector>

namespace xp {

class Rules {
 public:
  Rules(const Spec& spec, Problems& problems) : spec_(spec), problems_(problems) {}

  /// Checks one point; `number` counts from 1.
  void check(const Value& settings, const std::string& name, size_t number);

  /// Adds what was found: one problem for each rule and place, with the first point concerned.
  void report(size_t points);

 private:
  struct Finding {
    Place place;
    std::string code, message, name;
    size_t number = 0, count = 0;
  };
  /// Of the first of `paths` that is an axis or, failing that, was written.
  Place place_of(const std::vector<std::string>& paths) const;
  void find(const char* code, const std::vector<std::string>& paths, const std::string& message);
  void check_shares(const std::string& table);
  void check_experts();
  void check_heads();
  void check_batch();
  const Value* at(const std::string& path) const { return find_path(*settings_, path); }

  const Spec& spec_;
  Problems& problems_;
  const Value* settings_ = nullptr;
  const std::string* name_ = nullptr;
  size_t number_ = 0;
  std::vector<Finding> findings_;
};

}  // namespace xp
