// An experiment file merged with the files it extends, with the place of every key and value.
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
  std::map<std::string, Place> keys, values;  ///< as in TomlDocument; in the file that won
  std::vector<std::string> files;             ///< base first, the file itself last
  std::set<std::string> fixed;                ///< full paths that --set has set
  Uses replaced;  ///< components that a later file or --set replaced: their keys stay legal
  /// Axes that a later file replaced: the name below [sweep], and the axis as it was written.
  std::vector<std::pair<std::string, Value>> replaced_axes;

  /// The place of a key; of the file if it has no such key.
  Place place_of(const std::string& path) const;

  /// The place of the value of `path`, or of its item `path[3]`, which is that of the list if it
  /// has none of its own; of the key if there is none.
  Place value_place(const std::string& path) const;

  /// Whether the key `a` is written before the key `b`.
  bool before(const std::string& a, const std::string& b) const;

  /// Sets one value from the command line; what was written in its place is forgotten.
  void assign(const std::string& path, Value value, const Place& place);
};

/// Reads and merges. Problems with the files themselves are added to `problems`.
Source read_source(const std::string& file, Problems& problems);

}  // namespace xp
