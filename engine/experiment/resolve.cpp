// Walks the declarations of the picked components, not what was written: nothing else gets through.
#include "engine/experiment/resolve.h"

#include <algorithm>

namespace xp {
namespace {

const Value& child(const Value& table, const std::string& dotted) {
  static const Value kNothing;
  const Value* found = find_path(table, dotted);
  return found == nullptr ? kNothing : *found;
}

Value normal(const Setting& setting, const Value& value) {
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

class Resolver {
 public:
  Resolver(const Catalog& catalog, Section& out) : catalog_(catalog), out_(out) {}

  void section(const SectionRule& rule, const Value& written) {
    scope_ = rule.scope;
    Value& table = out_.table;
    if (*rule.kind != '\0') component(rule.kind, rule.fallback, written, {table, rule.name});
    if (const Declaration* shared = catalog_.find("section", rule.name))
      settings(*shared, written, {table, rule.name});
  }

 private:
  struct At {
    Value& table;
    std::string path;
  };

  void component(const std::string& kind, const Value& fallback, const Value& written,
                 const At& at) {
    const Value& use = child(written, "use");
    const std::string name = use.is_string() ? use.get<std::string>() : fallback.get<std::string>();
    at.table["use"] = name;
    note(at.path + ".use", versioned(kind, name), scope_);
    if (const Declaration* part = catalog_.find(kind, name)) settings(*part, written, at);
  }

  void settings(const Declaration& part, const Value& written, const At& at) {
    const Value* preset = preset_of(part, written, at);
    for (const auto& setting : part.settings) {
      if (at.table.contains(setting.name)) continue;  // `use`, `preset`
      const Value& given = child(written, setting.name);
      const std::string path = at.path + "." + setting.name;
      if (setting.type == Type::kComponent) {
        set_path(at.table, setting.name, Value::object());
        Value& inner = at.table.at(Value::json_pointer(pointer(setting.name)));
        component(setting.component, setting.fallback, given, {inner, path});
        continue;
      }
      const Value& fallback = preset != nullptr && preset->contains(setting.name)
                                  ? preset->at(setting.name)
                                  : setting.fallback;
      const Value value = normal(setting, given.is_null() ? fallback : given);
      if (value.is_null()) continue;
      note(path, with_versions(path, value),
           setting.scope == Scope::kInherit ? scope_ : setting.scope);
      set_path(at.table, setting.name, value);
    }
  }

  // How ids know a component.
  std::string versioned(const std::string& kind, const std::string& name) const {
    const Declaration* part = catalog_.find(kind, name);
    return part == nullptr ? name : versioned_name(*part);
  }

  Value with_versions(const std::string& path, const Value& value) const {
    for (const auto& [names, kind] : kNamesOf) {
      if (path != names || !value.is_array()) continue;
      Value out = Value::array();
      for (const auto& name : value)
        out.push_back(versioned(kind, name));
      return out;
    }
    return value;
  }

  // The preset is kept for reports but decides nothing by itself: its values do.
  static const Value* preset_of(const Declaration& part, const Value& written, const At& at) {
    if (part.presets.empty()) return nullptr;
    Value name = child(written, "preset");
    for (const auto& setting : part.settings) {
      if (name.is_null() && setting.name == "preset") name = setting.fallback;
    }
    if (!name.is_string()) return nullptr;
    at.table["preset"] = name;
    const auto found = part.presets.find(name.get<std::string>());
    return found == part.presets.end() ? nullptr : &*found;
  }

  static std::string pointer(const std::string& dotted) {
    std::string out = "/" + dotted;
    for (char& c : out) {
      if (c == '.') c = '/';
    }
    return out;
  }

  void note(const std::string& path, const Value& value, Scope scope) {
    if (scope == Scope::kCorpus) out_.corpus[path] = value;
    if (scope == Scope::kTrain) out_.training[path] = value;
    if (scope == Scope::kEval) out_.evaluation[path] = value;
    if (scope == Scope::kContent || scope == Scope::kSpeed || scope == Scope::kNone)
      out_.no_id[path] = scope;
  }

  const Catalog& catalog_;
  Section& out_;
  Scope scope_ = Scope::kNone;
};

// The shares at evaluation have no fixed default: SCoMoE-seq is evaluated as GShard unless asked
// otherwise, SCoMoE-feat can only be evaluated as it was trained, other exchanges have none.
void fill_shares(Section& out, const Value& model) {
  const Value& exchange = child(model, "moe.exchange");
  for (const char* share : {"alpha", "beta"}) {
    const std::string path = std::string("eval.") + share;
    if (!exchange.is_object() || !exchange.contains(share)) {
      out.table.erase(share);
      out.evaluation.erase(path);
    } else if (!out.table.contains(share)) {
      out.table[share] = exchange.value("use", "") == "scomoe-feat" ? exchange[share] : Value(0.0);
      out.evaluation[path] = out.table[share];
    }
  }
}

bool has_moe_layers(const Value& model) {
  return child(model, "moe.every") != 0;
}

// Whether there are no experts: no MoE layer, or an exchange that says it has none.
bool is_dense(const Catalog& catalog, const Value& model) {
  if (!has_moe_layers(model)) return true;
  const Value& use = child(model, "moe.exchange.use");
  const Declaration* exchange = use.is_string() ? catalog.find("exchange", use) : nullptr;
  if (exchange == nullptr) return false;
  return std::any_of(exchange->figures.begin(), exchange->figures.end(), [](const Figure& figure) {
    return figure.name == "has_experts" && figure.formula == "0";
  });
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

void add_declared(const Catalog& catalog, const Declaration* part, const Value& table,
                  const std::string& path, std::set<std::string>& out) {
  if (part == nullptr) return;
  if (!part->presets.empty()) out.insert(path + ".preset");
  for (const auto& setting : part->settings) {
    const std::string inner = path + "." + setting.name;
    out.insert(inner);
    if (setting.type != Type::kComponent) continue;
    out.insert(inner + ".use");
    const Value& picked = child(table, setting.name);
    const std::string use = picked.is_object() ? picked.value("use", "") : "";
    add_declared(catalog, catalog.find(setting.component, use), picked, inner, out);
  }
}

const SectionRule& rule_of(const std::string& section) {
  const auto* rule = std::find_if(std::begin(kSections), std::end(kSections),
                                  [&](const SectionRule& r) { return section == r.name; });
  check(rule != std::end(kSections), "a section of a point is known");
  return *rule;
}

void drop(Section& eval, const std::string& path) {
  eval.evaluation.erase(path);
  eval.unused.insert(path);
}

}  // namespace

Section resolve_section(const Catalog& catalog, const std::string& name, const Value& written,
                        const Value& model) {
  Section out;
  Resolver(catalog, out).section(rule_of(name), written);
  if (name == "model" && is_dense(catalog, out.table)) drop_unused_moe(out);
  if (name != "eval") return out;
  fill_shares(out, model);
  if (is_dense(catalog, model)) {
    for (const char* path : {"eval.alpha", "eval.beta", "eval.capacity_fraction"})
      drop(out, path);
  }
  return out;
}

std::set<std::string> declared_paths(const Catalog& catalog, const std::string& name,
                                     const Value& table) {
  std::set<std::string> out = {name + ".use"};
  const SectionRule& rule = rule_of(name);
  if (*rule.kind != '\0')
    add_declared(catalog, catalog.find(rule.kind, table.value("use", "")), table, name, out);
  add_declared(catalog, catalog.find("section", name), table, name, out);
  return out;
}

Value seen_by_eval(const Catalog& catalog, const Value& model) {
  const Value& exchange = child(model, "moe.exchange");
  return {is_dense(catalog, model), child(exchange, "use"), child(exchange, "alpha"),
          child(exchange, "beta")};
}

}  // namespace xp
