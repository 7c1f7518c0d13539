// Loads an experiment file and checks all that can be checked without planning its points.
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

/// A checked experiment. Its settings are without defaults; points have those.
struct Spec {
  std::string file;  ///< as it was named
  std::string name, description;
  Value settings = Value::object();  ///< the sections' tables, merged, with --set
  Sweep sweep;
  Value report;  ///< [report] with its defaults; `rows` and `pivot` are full paths
  std::optional<Condition> report_where, report_baseline;
  Source source;                         ///< for the places of keys
  std::shared_ptr<const Schema> schema;  ///< the keys that this experiment may use
  /// Whether it can be planned, if only to find more problems: all problems are in single settings
  /// and axes, which are left out.
  bool is_plannable = false;
  std::set<std::string> doubtful;  ///< settings, or tables of them, that have problems

  /// Whether the value of the setting at a path is not known for certain.
  bool is_doubtful(const std::string& path) const;

  /// The place of the first of these settings that is an axis or, failing that, was written; else
  /// that of the file.
  Place place_of(const std::vector<std::string>& paths) const;

  /// The folder that relative paths in the file start from.
  std::filesystem::path folder() const { return std::filesystem::path(file).parent_path(); }
};

/// As below, for a file that has been read: `source` is the result of read_source.
Spec load_spec(const std::string& file, Source source, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems);

/// Reads `file` and the files it extends, and applies `sets` ("path=value", the value in TOML or a
/// bare text). All problems are added to `problems`; the Spec may be used only if there are none
/// (but see is_plannable). `catalog` must outlive the Spec.
Spec load_spec(const std::string& file, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems);

}  // namespace xp
