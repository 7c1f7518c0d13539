// Reads [sweep] in two steps: which components it picks, then, with their keys known, the rest.
#pragma once

#include "engine/spec/keys.h"

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

  /// The checked sweep.
  Sweep take(const Schema& schema);

 private:
  /// An axis before its keys are looked up.
  struct RawAxis {
    std::vector<std::string> keys;
    std::vector<std::vector<Value>> rows;
    std::string at;
    bool is_list = false;
  };
  void find_axes(const Value& table, const std::vector<std::string>& parts);
  void add_axis(const Value& written, const std::vector<std::string>& parts);
  bool is_setting(const std::vector<std::string>& parts) const;
  void take_axis(const RawAxis& raw, const Keys& keys, Sweep& sweep);
  void check_rows(const RawAxis& raw, const Axis& axis, const Schema& schema);
  void take_points(const Keys& keys, const Schema& schema, Sweep& sweep);
  void take_order(Sweep& sweep);
  std::optional<Condition> condition(const char* name, const Keys& keys);
  Place item_place(const RawAxis& raw, size_t row) const;

  const Catalog& catalog_;
  const Schema& everything_;
  const Source& source_;
  Problems& problems_;
  std::vector<RawAxis> raw_;
  std::vector<RawAxis> fixed_;  // by --set: no axes any more, but their components' keys stay legal
  std::set<std::string> swept_;
};

}  // namespace xp
