// The list of registered components.
#include "registry/registry.h"

#include "engine/base/expression.h"
#include "engine/base/text.h"

#include <algorithm>
#include <cstring>

namespace xp {

// In sections.cpp. Without a call into that file the linker drops it from the archive.
void keep_sections();

namespace {

const AnyEntry*& head() {
  static const AnyEntry* first = nullptr;
  return first;
}

}  // namespace

AnyEntry::AnyEntry(const char* kind_name, const char* part_name, const char* part_summary,
                   const char* source_file, bool of_plugin,
                   Declaration (*describe_part)(const AnyEntry&))
    : kind(kind_name),
      name(part_name),
      summary(part_summary),
      file(source_file),
      is_of_plugin(of_plugin),
      describe(describe_part),
      next(head()) {
  head() = this;
}

const Setting* find_setting(const Declaration& declaration, const std::string& name) {
  const auto& settings = declaration.settings;
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const Setting& setting) { return setting.name == name; });
  return found == settings.end() ? nullptr : &*found;
}

Value figure_of(const Declaration& declaration, const std::string& name, const Value& table) {
  const auto& figures = declaration.figures;
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const Figure& figure) { return figure.name == name; });
  if (found == figures.end()) return {};
  const auto expression = Expression::parse(found->formula);
  return expression.evaluate([&](size_t i) -> Value {
    const std::string& own = expression.names()[i].text;
    if (const Value* value = find_path(table, own)) return *value;
    const Setting* setting = find_setting(declaration, own);
    return setting == nullptr ? Value() : setting->fallback;
  });
}

std::vector<PlannedFigure> missing_figures(const Declaration& declaration, const Value& table) {
  const bool has_experts = figure_of(declaration, "has_experts", table) != 0;
  std::vector<PlannedFigure> out;
  for (const auto& figure : kPlannedFigures) {
    const bool is_asked =
        figure.kind == declaration.kind && (has_experts || figure.kind != "exchange");
    const bool is_declared =
        std::any_of(declaration.figures.begin(), declaration.figures.end(),
                    [&](const Figure& own) { return own.name == figure.name; });
    if (is_asked && !is_declared) out.push_back(figure);
  }
  return out;
}

std::string versioned_name(const Declaration& d) {
  return d.version.empty() ? d.name : d.name + "@" + d.version;
}

Value to_json(const Declaration& d) {
  Value settings = Value::array();
  for (const auto& setting : d.settings)
    settings.push_back(to_json(setting));
  Value rules = Value::array(), figures = Value::array(), evaluation = Value::array(),
        predecessor = Value::array();
  for (const auto& rule : d.rules)
    rules.push_back(to_json(rule));
  for (const auto& figure : d.figures)
    figures.push_back({{"name", figure.name}, {"formula", figure.formula}});
  for (const auto& setting : d.evaluation)
    evaluation.push_back(to_json(setting));
  for (const auto& option : d.predecessor)
    predecessor.push_back({{"option", option.option}, {"name", option.name}});
  return {{"kind", d.kind},
          {"name", d.name},
          {"summary", d.summary},
          {"file", d.file},
          {"settings", settings},
          {"presets", d.presets},
          {"rules", rules},
          {"figures", figures},
          {"evaluation", evaluation},
          {"predecessor", predecessor},
          {"scope", scope_name(d.scope)},
          {"version", d.version}};
}

Declaration declaration_from_json(const Value& v) {
  Declaration out{v.at("kind"),
                  v.at("name"),
                  v.at("summary"),
                  v.at("file"),
                  {},
                  v.at("presets"),
                  scope_from_name(v.at("scope"))};
  for (const auto& setting : v.at("settings"))
    out.settings.push_back(setting_from_json(setting));
  for (const auto& rule : v.at("rules"))
    out.rules.push_back(rule_from_json(rule));
  for (const auto& figure : v.at("figures"))
    out.figures.push_back({figure.at("name"), figure.at("formula")});
  for (const auto& setting : v.at("evaluation"))
    out.evaluation.push_back(evaluation_setting_from_json(setting));
  for (const auto& option : v.at("predecessor"))
    out.predecessor.push_back({option.at("option"), option.at("name")});
  out.version = v.value("version", "");
  return out;
}

std::vector<const AnyEntry*> registered_entries() {
  keep_sections();
  std::vector<const AnyEntry*> out;
  for (const AnyEntry* entry = head(); entry != nullptr; entry = entry->next)
    out.push_back(entry);
  return out;
}

std::vector<const AnyEntry*> entries() {
  std::vector<const AnyEntry*> out = registered_entries();
  const auto order = [](const AnyEntry* a, const AnyEntry* b) {
    const int kinds = std::strcmp(a->kind, b->kind);
    return kinds != 0 ? kinds < 0 : std::strcmp(a->name, b->name) < 0;
  };
  std::sort(out.begin(), out.end(), order);
  for (size_t i = 1; i < out.size(); ++i) {
    if (order(out[i - 1], out[i])) continue;
    throw Error(Blame::kBug, fmt::format("{} '{}' is registered in both {} and {}", out[i]->kind,
                                         out[i]->name, out[i - 1]->file, out[i]->file));
  }
  return out;
}

const AnyEntry& find_entry(const std::string& kind, const std::string& name) {
  std::vector<std::string> known;
  for (const AnyEntry* entry : entries()) {
    if (entry->kind != kind) continue;
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
  }
  user_error("{}", unknown_name(kind, name, known));
}

}  // namespace xp
