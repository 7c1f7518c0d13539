// `xp schema`: the experiment file as a JSON Schema, for editors.
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

namespace xp {
namespace {

Value type_schema(const Setting& setting) {
  const Limit& limit = setting.limit;
  Value item = Value::object();
  switch (setting.type) {
    case Type::kBool:
      return {{"type", "boolean"}};
    case Type::kInteger:
      item["type"] = "integer";
      break;
    case Type::kNumber:
    case Type::kNumbers:
      item["type"] = "number";
      break;
    case Type::kText:
    case Type::kTexts:
      item["type"] = "string";
      break;
    case Type::kComponent:
    case Type::kOverrides:
    case Type::kNamed:
      return {{"type", "object"}};
  }
  if (!limit.choices.empty()) item["enum"] = limit.choices;
  if (!limit.pattern.empty()) item["pattern"] = "^(" + limit.pattern + ")$";
  if (std::isfinite(limit.low)) item[limit.low_open ? "exclusiveMinimum" : "minimum"] = limit.low;
  if (std::isfinite(limit.high)) item["maximum"] = limit.high;
  const bool is_list = setting.type == Type::kTexts || setting.type == Type::kNumbers;
  return is_list ? Value{{"type", "array"}, {"items", item}} : item;
}

// One setting, or several components' settings of one name.
Value setting_schema(const Catalog& catalog, const std::vector<const Setting*>& settings) {
  const Setting& first = *settings.front();
  Value out;
  if (!first.component.empty()) {
    out = {{"type", "string"}, {"enum", catalog.names(first.component)}};
  } else {
    Value kinds = Value::array();
    for (const Setting* setting : settings) {
      const Value one = type_schema(*setting);
      if (std::find(kinds.begin(), kinds.end(), one) == kinds.end()) kinds.push_back(one);
    }
    out = kinds.size() == 1 ? kinds[0] : Value{{"anyOf", kinds}};
  }
  out["description"] = first.sentence;
  if (!first.fallback.is_null() && first.fallback != "") out["default"] = first.fallback;
  return out;
}

Value closed(Value properties, std::vector<std::string> required) {
  return {{"type", "object"},
          {"additionalProperties", false},
          {"properties", std::move(properties)},
          {"required", std::move(required)}};
}

// An axis: a list, or one of the forms of engine/experiment/sweep.h; or a table of axes.
Value axis_schema() {
  const Value number = {{"type", "number"}}, integer = {{"type", "integer"}};
  const auto numbers = [&number](int count) {
    return Value{{"type", "array"}, {"items", number}, {"minItems", count}, {"maxItems", count}};
  };
  const Value axis = {{"$ref", "#/definitions/axis"}};
  const Value forms = {"range", "log", "random", "zip", "simplex", "repeat"};
  const Value tables = {{"type", "object"},
                        {"propertyNames", {{"not", {{"enum", forms}}}}},
                        {"additionalProperties", axis}};
  return {{"anyOf",
           {{{"type", "array"}, {"minItems", 1}},
            closed({{"range", numbers(3)}}, {"range"}),
            closed({{"log", numbers(3)}}, {"log"}),
            closed({{"random", numbers(2)},
                    {"samples", integer},
                    {"seed", integer},
                    {"scale", {{"enum", {"linear", "log"}}}}},
                   {"random", "samples"}),
            closed({{"zip", {{"type", "array"}, {"items", {{"type", "array"}}}}}}, {"zip"}),
            closed({{"simplex", number}}, {"simplex"}),
            closed({{"repeat", integer}, {"base", integer}}, {"repeat"}),
            tables}}};
}

Value sweep_schema(const Schema& everything) {
  const Value text = {{"type", "string"}}, axis = {{"$ref", "#/definitions/axis"}};
  Value properties = {{"where", text},
                      {"exclude", text},
                      {"order", {{"enum", {"seed-last", ""}}}},
                      {"points", {{"type", "array"}, {"items", {{"type", "object"}}}}}};
  for (const auto& path : everything.paths()) {
    if (path.starts_with("report.")) continue;
    properties[path] = {{"description", everything.find(path)->front()->sentence},
                        {"allOf", Value::array({axis})}};
  }
  return {{"type", "object"},
          {"description", "axes: a setting's path, or several by comma, and its values"},
          {"properties", properties},
          {"additionalProperties", axis}};
}

Value schema_of(const Catalog& catalog) {
  const Schema everything = Schema::of_everything(catalog);
  const Value text = {{"type", "string"}};
  const Value texts = {{"type", "array"}, {"items", text}};
  Value root = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                {"title", "xp experiment"},
                {"type", "object"},
                {"additionalProperties", false},
                {"definitions", {{"axis", axis_schema()}}},
                {"required", {"name"}}};
  Value& top = root["properties"];
  top = {{"schema", {{"const", 1}, {"description", "version of this format"}}},
         {"name", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$"}}},
         {"description", text},
         {"extends", {{"anyOf", {text, texts}}, {"description", "files to start from"}}},
         {"plugins",
          {{"type", "object"}, {"additionalProperties", false}, {"properties", {{"load", texts}}}}},
         {"sweep", sweep_schema(everything)}};
  for (const auto& path : everything.paths()) {
    Value* at = &root;
    const auto parts = path_parts(path);
    std::string name;  // of the table
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      Value& table = (*at)["properties"][parts[i]];
      name += (i == 0 ? "" : ".") + parts[i];
      const bool is_named = everything.is_named(name);
      if (table.is_null()) table = {{"type", "object"}, {"additionalProperties", is_named}};
      at = &table;
    }
    (*at)["properties"][parts.back()] = setting_schema(catalog, *everything.find(path));
  }
  return root;
}

struct Options {
  void declare(Arguments&) {}
};

int print_schema(const Options&) {
  fmt::print("{}\n", json_text(schema_of(build_catalog()), 2));
  return Exit::kDone;
}

XP_COMMAND(Options, print_schema, "schema", Group::kMachine,
           "print the JSON Schema of experiment files, for editors");

}  // namespace
}  // namespace xp
