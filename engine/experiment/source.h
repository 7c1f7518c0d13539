// An experiment file with everything it extends, as one document that remembers places.
#pragma once

#include "engine/base/toml.h"
#include "engine/experiment/schema.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace xp {

struct Source {
  Value value = Value::object();              ///< merged; without `extends`
  std::map<std::string, Place> keys, values;  ///< as in TomlDocument; the file that won
  std::vector<std::string> files;             ///< base first, the file itself last
  std::set<std::string> fixed;                ///< full paths that --set has set
  Uses replaced;                              ///< names that a later file's `use` replaced

  /// Where the key or, failing that, the file stands.
  Place place_of(const std::string& path) const;

  /// Where the value of `path` stands, or its item `path[3]`; else the key's place.
  Place value_place(const std::string& path) const;

  /// Whether the key of `a` stands before that of `b`.
  bool before(const std::string& a, const std::string& b) const;

  /// Sets one value from the command line.
  void assign(const std::string& path, Value value, const Place& place);
};

/// Reads and merges. Findings about the files themselves are added to `problems`.
Source read_source(const std::string& file, Problems& problems);

}  // namespace xp
