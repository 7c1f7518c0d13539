// Collects the keys of all picked components.
#include "engine/experiment/schema.h"

#include "engine/base/text.h"
#include "engine/experiment/components.h"
#include "engine/experiment/fairseq_names.h"

#include <algorithm>

namespace xp {

void add_listed(const std::string& path, const Value& list, Uses& uses) {
  for (const auto& names : kNamesOf) {
    if (*names.tables == '\0' || path != names.path || !list.is_array()) continue;
    for (const auto& name : list)
      if (name.is_string()) uses[names.tables].insert(name.get<std::string>());
  }
}

Schema::Schema(const Catalog& catalog, Uses uses, bool everything)
    : catalog_(catalog), uses_(std::move(uses)), everything_(everything) {
  const auto pick = [this](const std::string& path, const std::string& kind,
                           const Value& fallback) { return add_use(path, kind, fallback); };
  const auto visit = [this](const PickedPart& part) {
    if (part.declaration == nullptr)
      open_.insert(part.path);
    else
      add_settings(*part.declaration, part.path);
  };
  ComponentWalk walk(catalog_, pick, visit);
  for (const auto& section : kSections) {
    add_table(section.name);
    walk.section(section);
  }
}

void Schema::add_table(const std::string& path) {
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1))
    tables_.insert(path.substr(0, dot));
  tables_.insert(path);
}

// The names that `use` takes; none if another component has declared the table before.
std::vector<std::string> Schema::add_use(const std::string& path, const std::string& kind,
                                         const Value& fallback) {
  add_table(path);
  if (settings_.contains(path + ".use")) return {};
  Setting& use = own_.emplace_back();
  use.name = "use";
  use.fallback = fallback;
  use.component = kind;
  use.sentence = "the component: one of kind `" + kind + "`";
  settings_[path + ".use"].push_back(&use);

  std::vector<std::string>& names = picked_[path];
  const auto chosen = uses_.find(path);
  // A launcher changes no result, so its keys may stay in the file while another one is picked.
  const bool must_choose = fallback == "" && chosen == uses_.end();
  const bool is_named = named_.contains(path.substr(0, path.rfind('.')));
  if ((everything_ && !is_named) || must_choose || kind == "launcher") {
    names = catalog_.names(kind);
  } else if (chosen != uses_.end()) {
    names.assign(chosen->second.begin(), chosen->second.end());
  } else {
    names.push_back(fallback.get<std::string>());
  }
  return names;
}

void Schema::add_settings(const Declaration& part, const std::string& path) {
  for (const auto& setting : part.settings) {
    const std::string at = path + "." + setting.name;
    const bool is_use = setting.name == "use" && settings_.contains(at);
    if (setting.type == Type::kOverrides) add_overrides(setting, at);
    if (setting.type == Type::kNamed) add_named(setting, at);
    const bool is_table = setting.type == Type::kComponent || setting.type == Type::kOverrides ||
                          setting.type == Type::kNamed;
    if (is_use || is_table) continue;
    settings_[at].push_back(&setting);
    add_table(at.substr(0, at.rfind('.')));
  }
  for (const auto& old : part.predecessor)
    replacing_[fairseq_name(old.option)] = path + "." + old.name;
  if (part.presets.empty() || settings_.contains(path + ".preset")) return;
  Setting& preset = own_.emplace_back();
  preset.name = "preset";
  preset.sentence = "a set of defaults";
  for (const auto& [name, values] : part.presets.items())
    preset.limit.choices.push_back(name);
  settings_[path + ".preset"].push_back(&preset);
}

// The tables that pick components of the kind come before those that override their settings.
void Schema::add_overrides(const Setting& table, const std::string& path) {
  add_table(path);
  overridden_[path] = table.component;
  std::set<std::string> names;
  for (const auto& [at, picked] : picked_) {
    if (kind_of(at) != table.component || overridden_.contains(at)) continue;
    names.insert(picked.begin(), picked.end());
    if (open_.contains(at)) open_.insert(path);
  }
  picked_[path].assign(names.begin(), names.end());
  for (const auto& name : catalog_.names(table.component)) {
    const Declaration& part = *catalog_.find(table.component, name);
    for (const auto& own : part.evaluation) {
      const Setting* setting = find_setting(part, own.name);
      if (setting == nullptr) continue;
      const std::string at = path + "." + own.name;
      if (!own.former.empty()) renamed_[own.former] = at;
      if (!names.contains(name)) continue;
      Setting& copy = own_.emplace_back(*setting);
      copy.fallback = own.fallback;
      settings_[at].push_back(&copy);
    }
  }
}

Uses Schema::uses_of_named_tables(const Value& root) {
  Uses out;
  for (const auto& list : kNamesOf) {
    const Value* tables = find_path(root, list.tables);
    if (*list.tables == '\0' || tables == nullptr || !tables->is_object()) continue;
    for (const auto& [name, table] : tables->items()) {
      if (table.is_object() && table.contains("use") && table["use"].is_string())
        out[fmt::format("{}.{}", list.tables, name)].insert(table["use"].get<std::string>());
    }
  }
  return out;
}

// A name is that of a component unless its table picks one.
void Schema::add_named(const Setting& tables, const std::string& path) {
  add_table(path);
  named_.insert(path);
  std::set<std::string> names;
  if (const auto listed = uses_.find(path); listed != uses_.end()) names = listed->second;
  if (everything_) {
    for (auto& name : catalog_.names(tables.component))
      names.insert(std::move(name));
    for (const auto& [table, uses] : uses_)
      if (table.starts_with(path + ".")) names.insert(table.substr(path.size() + 1));
  }
  for (const auto& name : names) {
    const std::string at = path + "." + name;
    uses_.try_emplace(at, std::set{name});
    for (const auto& picked : add_use(at, tables.component, Value(name))) {
      if (const Declaration* part = catalog_.find(tables.component, picked))
        add_settings(*part, at);
      else
        open_.insert(at);
    }
  }
}

const std::vector<const Setting*>* Schema::find(const std::string& path) const {
  const auto found = settings_.find(path);
  return found == settings_.end() ? nullptr : &found->second;
}

std::string Schema::kind_of(const std::string& path) const {
  const auto overridden = overridden_.find(path);
  if (overridden != overridden_.end()) return overridden->second;
  const auto* use = find(path + ".use");
  return use == nullptr ? "" : use->front()->component;
}

std::string Schema::renamed(const std::string& path) const {
  const auto found = renamed_.find(path);
  return found == renamed_.end() ? "" : found->second;
}

std::string Schema::replacing(std::string_view option) const {
  const auto declared = replacing_.find(fairseq_name(option));
  const std::string path =
      declared == replacing_.end() ? setting_of_fairseq(option) : declared->second;
  return find(path) == nullptr ? "" : path;
}

std::vector<std::string> Schema::picked_names(const std::string& path) const {
  const auto found = picked_.find(path);
  return found == picked_.end() ? std::vector<std::string>{} : found->second;
}

std::vector<std::string> Schema::names_below(const std::string& path) const {
  std::set<std::string> out;
  const auto collect = [&out, &path](const std::string& known) {
    if (!known.starts_with(path + ".")) return;
    const std::string rest = known.substr(path.size() + 1);
    out.insert(rest.substr(0, rest.find('.')));
  };
  for (const auto& [known, settings] : settings_)
    collect(known);
  return {out.begin(), out.end()};
}

Matches Schema::match(std::string_view tail) const {
  for (const auto& section : kSections) {
    if (std::string_view(section.name) == "report") continue;
    Matches found;
    const std::string prefix = std::string(section.name) + ".";
    for (auto at = settings_.lower_bound(prefix);
         at != settings_.end() && at->first.starts_with(prefix); ++at) {
      if (at->first == tail) return {at->first};
      if (has_tail(at->first, tail)) found.push_back(at->first);
    }
    if (!found.empty()) return found;
  }
  return {};
}

std::vector<std::string> Schema::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, settings] : settings_)
    out.push_back(path);
  return out;
}

}  // namespace xp
