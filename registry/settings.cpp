// Checks of values against limits, with their messages; JSON of declarations.
#include "registry/settings.h"

#include "engine/base/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <regex>

namespace xp {
namespace {

constexpr std::array<std::string_view, 7> kScopes = {"inherit", "corpus", "train", "eval",
                                                     "content", "speed",  "none"};
constexpr std::array<std::string_view, 9> kTypes = {
    "bool", "integer", "number", "text", "texts", "numbers", "component", "overrides", "named"};
constexpr std::array<std::string_view, 9> kTypeWords = {
    "true or false",     "an integer", "a number", "a string",      "a list of strings",
    "a list of numbers", "a table",    "a table",  "tables by name"};

template <class Enum, size_t N>
Enum from_name(const std::array<std::string_view, N>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), "a declaration names a known type and scope");
  return static_cast<Enum>(found - names.begin());
}

bool all_of(const Value& list, bool (Value::*test)() const noexcept) {
  return list.is_array() &&
         std::all_of(list.begin(), list.end(), [test](const Value& v) { return (v.*test)(); });
}

bool has_type(Type type, const Value& value) {
  switch (type) {
    case Type::kBool:
      return value.is_boolean();
    case Type::kInteger:
      return value.is_number_integer();
    case Type::kNumber:
      return value.is_number();
    case Type::kText:
      return value.is_string();
    case Type::kTexts:
      return all_of(value, &Value::is_string);
    case Type::kNumbers:
      return all_of(value, &Value::is_number);
    case Type::kComponent:
    case Type::kOverrides:
    case Type::kNamed:
      return value.is_object();
  }
  return false;
}

// "updates" of 1 is "update"; "s" stays.
std::string unit_of(const Limit& limit, double bound) {
  std::string unit = limit.unit.empty() ? "" : " " + limit.unit;
  if (bound == 1 && limit.unit.size() > 1 && unit.back() == 's') unit.pop_back();
  return unit;
}

bool matches(const Limit& limit, const std::string& text) {
  return limit.pattern.empty() || std::regex_match(text, std::regex(limit.pattern));
}

std::string out_of_range(const Limit& limit, double number, const Value& value) {
  if (std::isnan(number)) return "is nan; must be a number";
  const auto bound = [&](const char* side, double at) {
    return fmt::format("is {}; must be {} {}{}", show(value), side, at, unit_of(limit, at));
  };
  if (limit.low_open && number <= limit.low) return bound("above", limit.low);
  if (number < limit.low) return bound("at least", limit.low);
  if (number > limit.high) return bound("at most", limit.high);
  if (std::isinf(number) && !limit.may_be_infinite)
    return fmt::format("is {}; must be finite", show(value));
  return "";
}

}  // namespace

std::string_view scope_name(Scope scope) {
  return kScopes.at(static_cast<size_t>(scope));
}
Scope scope_from_name(const std::string& name) {
  return from_name<Scope>(kScopes, name);
}
std::string_view type_name(Type type) {
  return kTypeWords.at(static_cast<size_t>(type));
}

Limit any(std::string unit) {
  return {.choices = {}, .unit = std::move(unit)};
}
Limit at_least(double low, std::string unit) {
  return {.low = low, .choices = {}, .unit = std::move(unit)};
}
Limit above(double low, std::string unit) {
  return {.low = low, .low_open = true, .choices = {}, .unit = std::move(unit)};
}
Limit between(double low, double high, std::string unit) {
  return {.low = low, .high = high, .choices = {}, .unit = std::move(unit)};
}
Limit fraction() {
  return between(0, 1);
}
Limit one_of(std::vector<std::string> choices) {
  return {.choices = std::move(choices), .unit = ""};
}
Limit matching(std::string pattern, std::string form) {
  return {.choices = {}, .unit = "", .pattern = std::move(pattern), .form = std::move(form)};
}

Value to_json(const Setting& s) {
  Value limit = Value::object();
  if (std::isfinite(s.limit.low)) limit[s.limit.low_open ? "above" : "low"] = s.limit.low;
  if (std::isfinite(s.limit.high)) limit["high"] = s.limit.high;
  if (!s.limit.choices.empty()) limit["choices"] = s.limit.choices;
  if (!s.limit.unit.empty()) limit["unit"] = s.limit.unit;
  if (!s.limit.pattern.empty()) limit["pattern"] = s.limit.pattern;
  if (!s.limit.form.empty()) limit["form"] = s.limit.form;
  if (s.limit.may_be_infinite) limit["infinite"] = true;
  Value out = {{"name", s.name},         {"type", kTypes.at(static_cast<size_t>(s.type))},
               {"default", s.fallback},  {"limit", limit},
               {"sentence", s.sentence}, {"scope", scope_name(s.scope)}};
  if (!s.component.empty()) out["component"] = s.component;
  return out;
}

Setting setting_from_json(const Value& v) {
  Setting out;
  out.name = v.at("name").get<std::string>();
  out.type = from_name<Type>(kTypes, v.at("type").get<std::string>());
  out.fallback = v.at("default");
  out.sentence = v.at("sentence").get<std::string>();
  out.scope = scope_from_name(v.at("scope").get<std::string>());
  out.component = v.value("component", "");
  const Value& limit = v.at("limit");
  out.limit.low_open = limit.contains("above");
  out.limit.low = limit.value(out.limit.low_open ? "above" : "low", out.limit.low);
  out.limit.high = limit.value("high", out.limit.high);
  out.limit.choices = limit.value("choices", std::vector<std::string>{});
  out.limit.unit = limit.value("unit", "");
  out.limit.pattern = limit.value("pattern", "");
  out.limit.form = limit.value("form", "");
  out.limit.may_be_infinite = limit.value("infinite", false);
  return out;
}

std::string objection(const Setting& setting, const Value& value) {
  if (!has_type(setting.type, value))
    return fmt::format("must be {}, not {}", type_name(setting.type), show(value));
  const auto& choices = setting.limit.choices;
  const auto allowed = [&choices](const Value& v) {
    return choices.empty() ||
           std::find(choices.begin(), choices.end(), v.get<std::string>()) != choices.end();
  };
  const Value items = value.is_array() ? value : Value::array({value});
  for (const auto& item : items) {
    if (item.is_string() && !allowed(item)) {
      return fmt::format("is {}; must be one of {}", show(item), join(choices, ", "));
    }
    if (item.is_string() && !matches(setting.limit, item.get_ref<const std::string&>()))
      return fmt::format("is {}; must be {}", show(item), setting.limit.form);
    if (!item.is_number()) continue;
    const std::string wrong = out_of_range(setting.limit, item.get<double>(), item);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace xp
