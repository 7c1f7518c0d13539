// Walks the declarations of the picked components, not what was written, so nothing else is taken.
#include "engine/experiment/resolve.h"

#include "engine/experiment/components.h"
#include "registry/exchange_traits.h"

#include <algorithm>

namespace xp {
namespace {

const Value& child(const Value& table, const std::string& dotted) {
  static const Value kNothing;
  const Value* found = find_path(table, dotted);
  return found == nullptr ? kNothing : *found;
}

// How ids know a component.
std::string versioned(const Catalog& catalog, std::string_view kind, const std::string& name) {
  const Declaration* part = catalog.find(std::string(kind), name);
  return part == nullptr ? name : versioned_name(*part);
}

Value with_versions(const Catalog& catalog, const std::string& path, const Value& value) {
  for (const auto& [names, kind, other, tables] : kNamesOf) {
    if (path != names) continue;
    if (value.is_string()) return versioned(catalog, kind, value);
    if (!value.is_array()) continue;
    Value out = Value::array();
    for (const auto& name : value)
      out.push_back(versioned(catalog, kind, name));
    return out;
  }
  return value;
}

class Resolver {
 public:
  Resolver(const Catalog& catalog, const SectionRule& rule, const Value& written,
           const Value& exchange, Section& out)
      : catalog_(catalog),
        rule_(rule),
        scope_(catalog.section(rule.name).scope),
        written_(written),
        exchange_(exchange),
        out_(out) {}

  void run() {
    const auto pick = [this](const std::string& path, std::string_view, const Value& fallback) {
      const Value& use = child(written_, below(path + ".use"));
      return std::vector{use.is_string() ? use.get<std::string>() : fallback.get<std::string>()};
    };
    const auto visit = [this](const PickedPart& part) { take(part); };
    ComponentWalk(catalog_, pick, visit).section(rule_);
  }

 private:
  // A full path without the section's name.
  std::string below(const std::string& path) const {
    return path.substr(std::string_view(rule_.name).size() + 1);
  }

  void take(const PickedPart& part) {
    if (!part.kind.empty()) {
      const std::string name(part.name);
      set_path(out_.table, below(part.path + ".use"), name);
      note(part.path + ".use", versioned(catalog_, part.kind, name), scope_);
    }
    if (part.declaration == nullptr) return;
    const Value* preset = take_preset(part);
    for (const auto& setting : part.declaration->settings) {
      const std::string path = part.path + "." + setting.name;
      const std::string key = below(path);
      if (setting.type == Type::kOverrides) {
        take_overrides(setting, path);
        continue;
      }
      if (setting.type == Type::kNamed) {
        take_named(path);
        continue;
      }
      const bool is_taken = find_path(out_.table, key) != nullptr;  // `use`, `preset`
      if (is_taken || setting.type == Type::kComponent) continue;
      const Value& given = child(written_, key);
      const Value& fallback = preset != nullptr && preset->contains(setting.name)
                                  ? preset->at(setting.name)
                                  : setting.fallback;
      const Value value = normal_value(setting, given.is_null() ? fallback : given);
      if (value.is_null()) continue;
      note(path, with_versions(catalog_, path, value),
           setting.scope == Scope::kInherit ? scope_ : setting.scope);
      set_path(out_.table, key, value);
    }
  }

  // What the evaluation uses of the exchange, whether it is written or the component's default.
  void take_overrides(const Setting& table, const std::string& path) {
    const Value& use = child(exchange_, "use");
    const Declaration* part = use.is_string() ? catalog_.find(table.component, use) : nullptr;
    if (part == nullptr) return;
    for (const auto& own : part->evaluation) {
      const Setting* setting = find_setting(*part, own.name);
      if (setting == nullptr) continue;
      const std::string at = path + "." + own.name;
      const Value& given = child(written_, below(at));
      const Value value =
          normal_value(*setting, given.is_null() ? child(exchange_, own.name) : given);
      if (value.is_null()) continue;
      set_path(out_.table, below(at), value);
      note(own.former.empty() ? at : own.former, value, scope_);
    }
  }

  // Of the components that the point's list names, what is written. Only what is not the default is
  // in ids, so that experiments without the table have theirs.
  void take_named(const std::string& path) {
    const NamesOf& list = names_with_tables(path);
    for (const auto& name : child(out_.table, below(list.path))) {
      const std::string table = path + "." + name.get<std::string>();
      const Value& use = child(written_, below(table + ".use"));
      const std::string picked = use.is_string() ? use : name;
      const Declaration* part = catalog_.find(list.kind, picked);
      if (part == nullptr) continue;
      if (picked != name) {
        set_path(out_.table, below(table + ".use"), picked);
        note(table + ".use", versioned(catalog_, list.kind, picked), scope_);
      }
      for (const auto& setting : part->settings) {
        const std::string at = table + "." + setting.name;
        const Value value = normal_value(setting, child(written_, below(at)));
        if (value.is_null()) continue;
        set_path(out_.table, below(at), value);
        if (value != setting.fallback)
          note(at, value, setting.scope == Scope::kInherit ? scope_ : setting.scope);
      }
    }
  }

  // The preset is kept for reports, but ids depend on its values only.
  const Value* take_preset(const PickedPart& part) {
    const Declaration& declaration = *part.declaration;
    if (declaration.presets.empty()) return nullptr;
    const std::string key = below(part.path + ".preset");
    Value name = child(written_, key);
    for (const auto& setting : declaration.settings) {
      if (name.is_null() && setting.name == "preset") name = setting.fallback;
    }
    if (!name.is_string()) return nullptr;
    set_path(out_.table, key, name);
    const auto found = declaration.presets.find(name.get<std::string>());
    return found == declaration.presets.end() ? nullptr : &*found;
  }

  void note(const std::string& path, const Value& value, Scope scope) {
    if (scope == Scope::kCorpus) out_.corpus[path] = value;
    if (scope == Scope::kTrain) out_.training[path] = value;
    if (scope == Scope::kEval) out_.evaluation[path] = value;
    if (scope == Scope::kContent || scope == Scope::kSpeed || scope == Scope::kNone)
      out_.no_id[path] = scope;
  }

  const Catalog& catalog_;
  const SectionRule& rule_;
  Scope scope_;  // of its settings, unless they declare another
  const Value& written_;
  const Value& exchange_;
  Section& out_;
};

bool has_moe_layers(const Value& model) {
  return child(model, "moe.every") != 0;
}

// Whether there are no experts: no MoE layer, or an exchange that says it has none.
bool is_dense(const Catalog& catalog, const Value& model) {
  if (!has_moe_layers(model)) return true;
  const Value& use = child(model, "moe.exchange.use");
  const Declaration* exchange = use.is_string() ? catalog.find("exchange", use) : nullptr;
  if (exchange == nullptr) return false;
  return !exchange_traits(*exchange, child(model, "moe.exchange")).has_experts;
}

// Without experts nothing about them can matter. What makes a model dense is no difference either:
// all dense models are one. The predecessor's decisions are also about layers without experts.
void drop_unused_moe(Section& model) {
  const char* reason = has_moe_layers(model.table) ? "model.moe.exchange.use" : "model.moe.every";
  for (auto at = model.training.begin(); at != model.training.end();) {
    const std::string& path = at.key();
    const bool decides = !path.starts_with("model.moe.") || path == "model.moe.compatibility";
    if (!decides && path != reason) model.unused.insert(path);
    at = decides ? std::next(at) : model.training.erase(at);
  }
}

// Settings of the components that a resolved table's list names.
void add_named(const Catalog& catalog, const std::string& path, const Value& table,
               DeclaredSettings& out) {
  const NamesOf& list = names_with_tables(path);
  const auto below = [](const std::string& full) { return full.substr(full.find('.') + 1); };
  for (const auto& name : child(table, below(list.path))) {
    const std::string at = path + "." + name.get<std::string>();
    out.try_emplace(at + ".use", nullptr);
    const Value& use = child(table, below(at + ".use"));
    const Declaration* part = catalog.find(list.kind, use.is_string() ? use : name);
    if (part == nullptr) continue;
    for (const auto& setting : part->settings)
      out.try_emplace(at + "." + setting.name, &setting);
  }
}

const SectionRule& rule_of(const std::string& section) {
  const auto* rule = std::find_if(std::begin(kSections), std::end(kSections),
                                  [&](const SectionRule& r) { return section == r.name; });
  check(rule != std::end(kSections), "a section of a point is known");
  return *rule;
}

// Which of these a point has depends on [model], so all of them count as declared.
void add_overrides(const Catalog& catalog, const Setting& table, const std::string& path,
                   DeclaredSettings& out) {
  for (const auto& name : catalog.names(table.component)) {
    const Declaration& part = *catalog.find(table.component, name);
    for (const auto& own : part.evaluation)
      out.try_emplace(path + "." + own.name, find_setting(part, own.name));
  }
}

}  // namespace

Section resolve_section(const Catalog& catalog, const std::string& name, const Value& written,
                        const Value& exchange) {
  Section out;
  Resolver(catalog, rule_of(name), written, exchange, out).run();
  if (name == "model" && is_dense(catalog, out.table)) drop_unused_moe(out);
  if (name == "eval" && exchange.is_null()) {
    constexpr const char* kOfExperts = "eval.capacity_fraction";
    out.evaluation.erase(kOfExperts);
    out.unused.insert(kOfExperts);
  }
  return out;
}

Value normal_value(const Setting& setting, const Value& value) {
  if (setting.type == Type::kNumber && value.is_number()) {
    const double number = value;
    return number == 0 ? 0.0 : number;  // -0.0 and 0.0 are one value
  }
  if (setting.type != Type::kNumbers || !value.is_array()) return value;
  Value out = Value::array();
  for (const auto& item : value)
    out.push_back(item.get<double>());
  return out;
}

DeclaredSettings declared_settings(const Catalog& catalog, const std::string& name,
                                   const Value& table) {
  DeclaredSettings out;
  const auto pick = [&](const std::string& path, std::string_view, const Value&) {
    const std::string key = path == name ? "use" : path.substr(name.size() + 1) + ".use";
    const Value& use = child(table, key);
    return std::vector{use.is_string() ? use.get<std::string>() : ""};
  };
  const auto visit = [&](const PickedPart& part) {
    if (!part.kind.empty()) out[part.path + ".use"] = nullptr;
    if (part.declaration == nullptr) return;
    if (!part.declaration->presets.empty()) out[part.path + ".preset"] = nullptr;
    for (const auto& setting : part.declaration->settings) {
      const std::string at = part.path + "." + setting.name;
      if (setting.type == Type::kOverrides)
        add_overrides(catalog, setting, at, out);
      else if (setting.type == Type::kNamed)
        add_named(catalog, at, table, out);
      else if (setting.type != Type::kComponent)
        out.try_emplace(at, &setting);
    }
  };
  ComponentWalk(catalog, pick, visit).section(rule_of(name));
  return out;
}

Value evaluation_exchange(const Catalog& catalog, const Value& model) {
  if (is_dense(catalog, model)) return {};
  const Value& trained = child(model, "moe.exchange");
  const Value& use = child(trained, "use");
  Value out = {{"use", use}};
  const Declaration* part = use.is_string() ? catalog.find("exchange", use) : nullptr;
  if (part == nullptr) return out;
  for (const auto& own : part->evaluation)
    out[own.name] = own.fallback.is_null() ? child(trained, own.name) : own.fallback;
  return out;
}

}  // namespace xp
