// The value type of settings, ids and records: JSON with sorted keys, addressed by dotted paths.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Objects keep their keys sorted, so that canonical_text is one for equal values.
using Value = nlohmann::json;

/// "model.moe.router" -> {"model", "moe", "router"}.
std::vector<std::string> path_parts(std::string_view dotted_path);

/// The value at a dotted path, or nullptr if a part is missing.
const Value* find_path(const Value& root, std::string_view dotted_path);

/// Sets the value at a dotted path; missing tables are made. Raises kBug if a part is not a table.
void set_path(Value& root, std::string_view dotted_path, Value value);

/// All leaves (everything that is not an object) as dotted path -> value, sorted by path.
std::vector<std::pair<std::string, Value>> leaves(const Value& root);

/// The value as JSON on one line, the text that ids are hashes of. Numbers that JSON does not have
/// become the texts "inf", "-inf" and "nan" (`dump` makes null of them all), bytes that are not
/// UTF-8 become U+FFFD.
std::string canonical_text(const Value& value);

/// A value as a person writes it in TOML: 0.2, true, "text", [1, 2]. Numbers that are floats keep a
/// point.
std::string show(const Value& value);

/// The object as a TOML document with sorted keys, tables after plain keys; `parse_toml` reads it
/// back equal. Null members are left out.
std::string to_toml(const Value& root);

}  // namespace xp
