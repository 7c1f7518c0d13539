// Reads [sweep] in two steps: the components that it picks, then the rest, whose keys they declare.
#pragma once

#include "engine/experiment/keys.h"
#include "engine/experiment/source.h"

#include <set>
#include <string>
#include <vector>

namespace xp {

class SweepLoader {
 public:
  SweepLoader(const Catalog& catalog, const Schema& everything, const Source& source,
              Problems& problems)
      : catalog_(catalog), everything_(everything), source_(source), problems_(problems) {}

  /// Finds the axes and their rows.
  void read();

  /// The components that the file, --set and the axes pick.
  Uses uses() const;

  /// The full paths of the axes that were found; valid after `read`.
  const std::set<std::string>& swept() const { return swept_; }

  /// The checked sweep, without the axes, rows and points in which something is wrong.
  Sweep take(const Schema& schema);

  /// The settings of axes that were left out, and those that unknown keys may have meant.
  const std::set<std::string>& doubtful() const { return doubtful_; }

  /// Whether the points are certain: `where` and `exclude` could be parsed, and there are not too
  /// many points.
  bool has_points() const { return has_points_; }

 private:
  /// An axis before its keys are looked up.
  struct RawAxis {
    std::vector<std::string> keys;
    std::vector<std::vector<Value>> rows;
    std::string at;
    bool is_list = false;
    bool is_cut = false;     // --set took keys out, so its rows are not those of the file
    bool may_round = false;  // its form makes fractions, but its ends are integers
  };
  void find_axes(const Value& table, const std::vector<std::string>& parts);
  void add_axis(const Value& written, const std::vector<std::string>& parts);
  void cut_fixed(RawAxis& axis, const Keys& quiet);
  std::vector<RawAxis> replaced_axes() const;
  bool is_setting(const std::vector<std::string>& parts) const;
  void take_axis(const RawAxis& raw, const Keys& keys, const Schema& schema, Sweep& sweep);
  void keep_good_rows(const RawAxis& raw, Axis& axis, const Schema& schema);
  void take_points(const Keys& keys, const Schema& schema, Sweep& sweep);
  void take_order(Sweep& sweep);
  std::optional<Condition> condition(const char* name, const Keys& keys);
  Place item_place(const RawAxis& raw, size_t row) const;

  const Catalog& catalog_;
  const Schema& everything_;
  const Source& source_;
  Problems& problems_;
  std::vector<RawAxis> raw_;
  std::vector<RawAxis> fixed_;  // by --set: no longer vary, but their components' keys stay legal
  std::set<std::string> swept_, doubtful_;
  bool has_points_ = false;
};

}  // namespace xp
