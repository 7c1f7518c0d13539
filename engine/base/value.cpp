// Dotted paths over JSON values and their TOML form.
#include "engine/base/value.h"

#include "engine/base/error.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace xp {
namespace {

bool is_bare(std::string_view key) {
  if (key.empty()) return false;
  for (const char c : key) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '_' && c != '-') return false;
  }
  return true;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string key_text(const std::string& key) {
  return is_bare(key) ? key : quoted(key);
}

std::string show_number(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool is_json(const Value& value) {
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  return !value.is_structured() || std::all_of(value.begin(), value.end(), is_json);
}

Value as_json(const Value& value) {
  if (value.is_number_float() && !is_json(value)) return show_number(value.get<double>());
  Value out = value;
  if (value.is_structured()) {
    for (auto& item : out)
      item = as_json(item);
  }
  return out;
}

void write_table(const Value& table, const std::string& prefix, std::string& out) {
  for (const auto& [key, value] : table.items()) {
    if (value.is_object() || value.is_null()) continue;
    out += fmt::format("{} = {}\n", key_text(key), show(value));
  }
  for (const auto& [key, value] : table.items()) {
    if (!value.is_object()) continue;
    const std::string name = prefix.empty() ? key_text(key) : prefix + "." + key_text(key);
    out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", name);
    write_table(value, name, out);
  }
}

// Takes the first part off; nothing is left behind the last one.
std::string_view next_part(std::optional<std::string_view>& rest) {
  const size_t dot = rest->find('.');
  const std::string_view part = rest->substr(0, dot);
  if (dot == std::string_view::npos)
    rest.reset();
  else
    rest->remove_prefix(dot + 1);
  return part;
}

}  // namespace

std::vector<std::string> path_parts(std::string_view dotted_path) {
  std::vector<std::string> parts;
  for (std::optional rest = dotted_path; rest;)
    parts.emplace_back(next_part(rest));
  return parts;
}

const Value* find_path(const Value& root, std::string_view dotted_path) {
  const Value* at = &root;
  for (std::optional rest = dotted_path; rest;) {
    const std::string_view part = next_part(rest);
    if (!at->is_object()) return nullptr;
    const auto found = at->find(part);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

void set_path(Value& root, std::string_view dotted_path, Value value) {
  Value* at = &root;
  for (std::optional rest = dotted_path; rest;) {
    const std::string_view part = next_part(rest);
    check(at->is_object() || at->is_null(), "a dotted path leads through tables");
    at = &(*at)[part];
  }
  *at = std::move(value);
}

std::vector<std::pair<std::string, Value>> leaves(const Value& root) {
  std::vector<std::pair<std::string, Value>> out;
  const auto walk = [&out](const auto& self, const Value& at, const std::string& path) -> void {
    if (!at.is_object()) {
      out.emplace_back(path, at);
      return;
    }
    for (const auto& [key, value] : at.items())
      self(self, value, path.empty() ? key : path + "." + key);
  };
  walk(walk, root, "");
  return out;
}

std::string canonical_text(const Value& value) {
  const auto dump = [](const Value& json) {
    return json.dump(-1, ' ', false, Value::error_handler_t::replace);
  };
  return is_json(value) ? dump(value) : dump(as_json(value));
}

std::string show(const Value& value) {
  if (value.is_string()) return quoted(value.get_ref<const std::string&>());
  if (value.is_number_float()) return show_number(value.get<double>());
  if (value.is_array() || value.is_object()) {
    std::string out;
    for (const auto& [key, item] : value.items()) {
      if (!out.empty()) out += ", ";
      out += value.is_object() ? fmt::format("{} = {}", key_text(key), show(item)) : show(item);
    }
    return value.is_object() ? (out.empty() ? "{}" : "{ " + out + " }") : "[" + out + "]";
  }
  return value.dump();
}

std::string to_toml(const Value& root) {
  std::string out;
  write_table(root, "", out);
  return out;
}

}  // namespace xp
