// TOML text to values that remember where they stood. The only place that knows the TOML library.
#pragma once

#include "engine/base/problems.h"
#include "engine/base/value.h"

#include <map>
#include <string>

namespace xp {

/// A parsed file: its values, and the place of each key by dotted path ("a.b"; array items
/// "a.b[2]"). Keys that contain dots themselves (the axes of [sweep]) are joined with the unit
/// separator \x1f in `key_places`, never in `value`, where they are kept whole.
struct TomlDocument {
  Value value = Value::object();
  std::map<std::string, Place> key_places;    ///< path -> where the key stands
  std::map<std::string, Place> value_places;  ///< path -> where the value stands
};

/// Joins the parts of a path into the key of the place maps: dots inside a part become \x1f.
std::string place_key(const std::vector<std::string>& parts);

/// The code of problems with text that is no TOML.
inline constexpr const char* kTomlSyntax = "E001";

/// Parses `text`; syntax errors are added to `problems` (kTomlSyntax) and an empty document comes
/// back. Integers, floats, booleans and strings keep their kind; dates become strings.
TomlDocument parse_toml(const std::string& text, const std::string& file, Problems& problems);

/// One value as people type it: TOML, or a bare text if it is not that.
Value typed_value(const std::string& text);

/// The values of a file that we wrote ourselves. Raises kMachine if it cannot be read or parsed.
Value load_toml(const std::string& file);

}  // namespace xp
