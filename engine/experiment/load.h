// Experiment file to Spec: everything that can be known about it without planning points.
#pragma once

#include "engine/experiment/source.h"
#include "engine/experiment/sweep.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// An experiment as it is written, checked. Settings are without defaults: a point has those.
struct Spec {
  std::string file;  ///< as it was named
  std::string name, description;
  Value settings = Value::object();  ///< the sections' tables, merged, with --set
  Sweep sweep;
  Value report;  ///< [report] with its defaults; keys as they were written
  std::map<std::string, std::string> report_keys;  ///< its `rows` and `pivot` -> full paths
  std::optional<Condition> report_where, report_baseline;
  Source source;                         ///< for the places of keys
  std::shared_ptr<const Schema> schema;  ///< the keys that this experiment may use
  /// Whether it can be planned, were it only to find what else is wrong: there is no mistake but in
  /// single settings and axes, which are left out.
  bool is_plannable = false;
  std::set<std::string> doubtful;  ///< settings, or tables of them, that mistakes are about

  /// Whether nothing certain is known of the setting at a path.
  bool is_doubtful(const std::string& path) const;

  /// Where relative paths of the file start.
  std::filesystem::path folder() const { return std::filesystem::path(file).parent_path(); }
};

/// As below, of a file that has been read: `source` is what read_source made of it.
Spec load_spec(const std::string& file, Source source, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems);

/// Reads `file`, and whatever it extends, and applies `sets` ("path=value", value in TOML or a bare
/// text). All findings are added to `problems`; the Spec is of use only where there are none (but
/// see is_plannable). `catalog` must outlive the Spec.
Spec load_spec(const std::string& file, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems);

}  // namespace xp
