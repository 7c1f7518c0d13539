// TOML through toml++.
#include "engine/base/toml.h"

#include "engine/base/file.h"

#include <toml++/toml.h>

#include <sstream>

namespace xp {
namespace {

constexpr char kDotInKey = '\x1f';

int column(toml::source_index index) {
  return static_cast<int>(index);
}

Place place_of(const toml::source_region& region, const std::string& file) {
  const bool one_line = region.begin.line == region.end.line;
  return {file, column(region.begin.line), column(region.begin.column),
          one_line ? column(region.end.column) : column(region.begin.column) + 1};
}

struct Reader {
  const std::string& file;
  TomlDocument* places = nullptr;  // only the values are read if there is none

  Value read(const toml::node& node, const std::string& at) {
    if (places != nullptr) places->value_places[at] = place_of(node.source(), file);
    if (const auto* table = node.as_table()) return read_table(*table, at);
    if (const auto* array = node.as_array()) return read_array(*array, at);
    if (const auto* v = node.as_boolean()) return v->get();
    if (const auto* v = node.as_integer()) return v->get();
    if (const auto* v = node.as_floating_point()) return v->get();
    if (const auto* v = node.as_string()) return v->get();
    std::ostringstream text;
    node.visit([&text](const auto& n) {
      if constexpr (toml::is_value<decltype(n)>) text << n.get();
    });
    return text.str();
  }

  Value read_table(const toml::table& table, const std::string& at) {
    Value value = Value::object();
    for (const auto& [key, child] : table) {
      const std::string name(key.str());
      std::string path;
      if (places != nullptr) {
        path = at + (at.empty() ? "" : ".") + place_key({name});
        places->key_places[path] = place_of(key.source(), file);
      }
      value[name] = read(child, path);
    }
    return value;
  }

  Value read_array(const toml::array& array, const std::string& at) {
    Value value = Value::array();
    for (const auto& item : array)
      value.push_back(read(item, fmt::format("{}[{}]", at, value.size())));
    return value;
  }
};

}  // namespace

std::string place_key(const std::vector<std::string>& parts) {
  std::string out;
  for (std::string part : parts) {
    std::replace(part.begin(), part.end(), '.', kDotInKey);
    out += (out.empty() ? "" : ".") + part;
  }
  return out;
}

TomlDocument parse_toml(const std::string& text, const std::string& file, Problems& problems) {
  problems.remember(file, text);
  TomlDocument out;
  try {
    const toml::table table = toml::parse(text, file);
    out.value = Reader{file, &out}.read(table, "");
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    const Place place{file, column(at.line), column(at.column), column(at.column) + 1};
    problems.add(place, kTomlSyntax, fmt::format("this is not TOML: {}", error.description()));
  }
  return out;
}

Value typed_value(const std::string& text) {
  Problems ignored;
  const TomlDocument document = parse_toml("value = " + text, "", ignored);
  const bool one = ignored.empty() && document.value.size() == 1;
  return one ? document.value.at("value") : Value(text);
}

Value load_toml(const std::string& file) {
  const std::string text = read_file(file);
  try {
    return Reader{file}.read(toml::parse(text, file), "");
  } catch (const toml::parse_error& error) {
    machine_error("'{}' is damaged: this is not TOML: {}", file, error.description());
  }
}

}  // namespace xp
