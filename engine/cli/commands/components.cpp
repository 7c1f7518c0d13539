// `xp components [NAME]`: what an experiment can use.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/commands/setting_help.h"
#include "engine/cli/parser/help.h"
#include "engine/cli/points/candidates.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/terminal/text_table.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {
namespace {

struct Options {
  std::string component;
  bool json = false;

  void declare(Arguments& arguments) {
    arguments
        .positional(
            "NAME", &component,
            "a component, a kind, a section of the file (train), a setting or a command; without "
            "it, a list")
        .completes([](const std::string&) { return component_candidates(); });
    declare_json(arguments, json);
  }
};

// What the settings of components of this kind change: as the section that they are used in.
Scope scope_of_kind(const Catalog& catalog, const std::string& kind) {
  const auto is_named_in = [&](const NamesOf& names, const char* path, const SectionRule& section) {
    return kind == names.kind && std::string_view(path).starts_with(section.name);
  };
  for (const auto& section : kSections) {
    if (kind == section.kind) return catalog.section(section.name).scope;
    for (const auto& names : kNamesOf) {
      if (is_named_in(names, names.tables, section)) return catalog.section(section.name).scope;
    }
  }
  for (const auto& section : kSections) {
    for (const auto& names : kNamesOf) {
      if (is_named_in(names, names.path, section)) return catalog.section(section.name).scope;
    }
  }
  for (const auto& [key, part] : catalog.all()) {
    for (const auto& setting : part.settings) {
      if (setting.component != kind || part.kind == kind) continue;
      return part.kind == "section" ? part.scope : scope_of_kind(catalog, part.kind);
    }
  }
  return Scope::kNone;
}

void print_component(const Catalog& catalog, const Declaration& part) {
  fmt::print("{} {}: {}\n", part.kind, part.name, part.summary);
  const Scope inherited = part.kind == "section" ? part.scope : scope_of_kind(catalog, part.kind);
  std::vector<std::vector<std::string>> rows;
  for (const auto& setting : part.settings) {
    const bool table = setting.type == Type::kComponent;
    const std::string fallback = setting.fallback.is_null() ? "" : show(setting.fallback);
    rows.push_back(
        {"  " + setting.name + (table ? ".use" : ""), fallback,
         table ? "a component of kind " + setting.component : std::string(type_name(setting.type)),
         limits_of(setting),
         std::string(scope_name(setting.scope == Scope::kInherit ? inherited : setting.scope)),
         setting.sentence});
  }
  if (!rows.empty())
    rows.insert(rows.begin(), {"  setting", "default", "type", "limits", "scope", "meaning"});
  fmt::print("{}", text_table(rows));
  for (const auto& [preset, values] : part.presets.items()) {
    fmt::print("  preset \"{}\": {}\n", preset, show(values));
  }
  for (const auto& setting : part.evaluation) {
    fmt::print("  in the evaluation '{}' is {} unless [eval.exchange] sets it\n", setting.name,
               setting.fallback.is_null() ? "as in the training" : show(setting.fallback));
  }
  fmt::print("  declared in {}\n", part.file);
}

void print_kinds(const Catalog& catalog) {
  std::string kind;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, part] : catalog.all()) {
    if (part.kind != kind) rows.push_back({part.kind});
    kind = part.kind;
    rows.push_back({"  " + part.name, part.summary});
  }
  // Kinds stand alone on their lines, so that they do not widen the column.
  fmt::print("{}next: xp components NAME shows a component's settings\n", text_table(rows));
}

int list_components(const Options& options) {
  const Catalog catalog = build_catalog();
  std::vector<const Declaration*> found;
  std::vector<std::string> names;
  for (const auto& [key, part] : catalog.all()) {
    const std::string& wanted = options.component;
    names.push_back(part.name);
    if (wanted.empty() || wanted == part.name || wanted == part.kind ||
        wanted == part.kind + "." + part.name) {
      found.push_back(&part);
    }
  }
  if (found.empty()) {
    if (const auto* command = find_command(options.component)) {
      fmt::print("{}", help_text(*command));
      return Exit::kDone;
    }
    if (const auto text = setting_help(catalog, options.component); !text.empty()) {
      fmt::print("{}", text);
      return Exit::kDone;
    }
    const std::string near = nearest(options.component, names);
    fmt::print(stderr, "no component or setting named '{}'{}; `xp components` lists all\n",
               options.component, near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
    return Exit::kUsage;
  }
  if (options.json) {
    Value list = Value::array();
    for (const auto* part : found)
      list.push_back(to_json(*part));
    fmt::print("{}\n", json_text({{"schema_version", 1}, {"declarations", list}}, 2));
  } else if (options.component.empty()) {
    print_kinds(catalog);
  } else {
    for (const auto* part : found)
      print_component(catalog, *part);
    fmt::print("next: put its keys into an experiment file, then xp check FILE\n");
  }
  return Exit::kDone;
}

XP_COMMAND(Options, list_components, "components", Group::kMachine,
           "list components and their settings: types, defaults, limits");

}  // namespace
}  // namespace xp
