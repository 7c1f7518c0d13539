// [sweep]: axes, further points and conditions, and the combinations they make.
#pragma once

#include "engine/base/expression.h"
#include "engine/base/problems.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Setting path -> value.
using SettingValues = std::map<std::string, Value>;

/// An axis. Its `keys` change together; each row of `values` has one value for each key.
struct Axis {
  std::vector<std::string> keys;  ///< full paths
  std::vector<std::vector<Value>> values;
  std::string at;  ///< its path in the place maps of the file
  Place place;
};

/// A condition with the full paths of its names.
struct Condition {
  Expression expression;
  std::vector<std::string> paths;  ///< of the expression's names
  Place place;                     ///< of its text
};

struct Sweep {
  std::vector<Axis> axes;  ///< in the order of the file: the first changes slowest
  std::vector<SettingValues> points;
  std::vector<std::map<std::string, Place>> point_places;  ///< the places of each point's keys
  std::optional<Condition> where, exclude;
  bool seed_last = false;

  /// The paths that any axis or point sets, in the order of the axes.
  std::vector<std::string> keys() const;
};

/// The rows of an axis written as a list or as a table { FORM = ..., ... }. Raises kUser.
std::vector<std::vector<Value>> axis_rows(const Value& written, size_t width);

/// Whether the table is the form of an axis rather than a table of axes.
bool is_axis_form(const Value& written);

/// Number of combinations, points included.
size_t combination_count(const Sweep& sweep);

/// One combination of the axes' rows, or one of the further points.
struct Combination {
  SettingValues values;
  std::vector<size_t> rows;  ///< the row of each axis, in the order of `axes`; empty for a point
  size_t point = 0;          ///< the index of a further point
};

/// Calls `each` with all combinations: the product of the axes, then the points.
void for_each_combination(const Sweep& sweep, const std::function<void(const Combination&)>& each);

}  // namespace xp
