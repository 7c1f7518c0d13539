// Evaluates declared expressions over one point's settings, remembering which settings they read.
#include "engine/plan/assessment.h"

#include "engine/base/error.h"

#include <cmath>

namespace xp {
namespace {

constexpr const char* kShown[] = {"parameters",   "parameters_on_rank", "flops",
                                  "local_bytes",  "in_node_bytes",      "inter_node_bytes",
                                  "memory_bytes", "checkpoint_bytes"};

// A setting as it is written; a computed number without the point that its type would need.
std::string shown(const Value& value, bool is_setting) {
  if (is_setting || !value.is_number_float()) return show(value);
  return fmt::format("{:.6g}", value.get<double>());
}

}  // namespace

/// The components of one point and the figures that were asked for so far.
class Evaluation {
 public:
  Evaluation(Assessor& owner, const Settings& settings) : owner_(owner), settings_(settings) {
    for (const auto& section : kSections) {
      if (std::string_view(section.name) == "report") continue;
      if (const Declaration* shared = owner_.catalog_.find("section", section.name))
        add(*shared, section.name);
      if (*section.kind != '\0') add_component(section.kind, section.name);
    }
  }

  Assessment run() {
    Assessment out;
    for (const auto& part : parts_) {
      for (const auto& rule : part.declaration->rules)
        apply(rule, part.path, out);
    }
    for (const char* name : kShown) {
      const Value value = look("", std::string("model.") + name).value;
      if (value.is_number()) out.figures[name] = value;
    }
    return out;
  }

 private:
  struct Part {
    const Declaration* declaration;
    std::string path;
  };
  struct Formula {
    const std::string* text;
    std::string table;
    bool is_open = false;  // being evaluated
    std::optional<Value> value;
  };
  struct Found {
    Value value;
    bool is_setting = false;
    std::string path;
  };

  void add_component(const std::string& kind, const std::string& path) {
    const Value* use = setting(path + ".use");
    if (use == nullptr || !use->is_string()) return;
    if (const Declaration* part = owner_.catalog_.find(kind, *use)) add(*part, path);
  }

  void add(const Declaration& part, const std::string& path) {
    parts_.push_back({&part, path});
    for (const auto& figure : part.figures)
      formulas_.try_emplace(path + "." + figure.name, Formula{&figure.formula, path, false, {}});
    for (const auto& inner : part.settings) {
      if (inner.type == Type::kComponent) add_component(inner.component, path + "." + inner.name);
    }
  }

  const Value* setting(const std::string& path) {
    owner_.read_.insert(path);
    return settings_.find(path);
  }

  Found look(const std::string& table, const std::string& name) {
    const std::string own = table.empty() ? name : table + "." + name;
    for (const auto& path : {own, name}) {
      if (const auto formula = formulas_.find(path); formula != formulas_.end())
        return {figure(path, formula->second), false, path};
      const Value* found = setting(path);
      if (found != nullptr && !found->is_object()) return {*found, true, path};
    }
    return {{}, true, own};
  }

  Value figure(const std::string& path, Formula& formula) {
    if (formula.value) return *formula.value;
    if (formula.is_open) user_error("the figure '{}' of a component leads back to itself", path);
    formula.is_open = true;
    formula.value = value_of(*formula.text, formula.table);
    formula.is_open = false;
    return *formula.value;
  }

  const Expression& expression(const std::string& text) {
    const auto known = owner_.expressions_.find(text);
    if (known != owner_.expressions_.end()) return known->second;
    try {
      return owner_.expressions_.emplace(text, Expression::parse(text)).first->second;
    } catch (const ExpressionError& error) {
      user_error("a component declares '{}', which is no expression: {}", text, error.what());
    }
  }

  Value value_of(const std::string& text, const std::string& table) {
    const Expression& formula = expression(text);
    try {
      return formula.evaluate(
          [&](size_t i) { return look(table, formula.names().at(i).text).value; });
    } catch (const ExpressionError& error) {
      user_error("the component in [{}] declares '{}', which cannot be evaluated: {}", table, text,
                 error.what());
    }
  }

  void apply(const Rule& rule, const std::string& table, Assessment& out) {
    bool is_complete = true;
    for (const auto& name : expression(rule.holds).names())
      is_complete = is_complete && !look(table, name.text).value.is_null();
    if (!is_complete || value_of(rule.holds, table) != false) return;
    Breach breach{rule.code, filled(rule.message, table), {}, rule.is_note};
    for (const auto& name : rule.at)
      breach.paths.push_back(look(table, name).path);
    out.breaches.push_back(std::move(breach));
  }

  std::string filled(const std::string& message, const std::string& table) {
    std::string out;
    for (size_t at = 0; at < message.size();) {
      const size_t open = std::min(message.find('{', at), message.size());
      const size_t close = message.find('}', open);
      out += message.substr(at, open - at);
      if (close == std::string::npos) break;
      const std::string text = message.substr(open + 1, close - open - 1);
      const auto& names = expression(text).names();
      const bool is_name = names.size() == 1 && names[0].text == text;
      const bool is_setting = is_name && look(table, text).is_setting;
      out += shown(value_of(text, table), is_setting);
      at = close + 1;
    }
    return out;
  }

  Assessor& owner_;
  const Settings& settings_;
  std::vector<Part> parts_;
  std::map<std::string, Formula> formulas_;
};

size_t Assessor::projection(const SharedSection* section, size_t index) {
  const auto known = projections_.find(section);
  if (known != projections_.end()) return known->second;
  const std::string prefix = std::string(kPointSections[index]) + ".";
  std::string text = prefix;
  for (auto at = read_.lower_bound(prefix); at != read_.end() && at->starts_with(prefix); ++at) {
    const Value* value = find_path(section->table, std::string_view(*at).substr(prefix.size()));
    text += value == nullptr || value->is_object() ? "\n" : value->dump() + "\n";
  }
  return projections_[section] = texts_.emplace(text, texts_.size()).first->second;
}

Assessor::Key Assessor::key(const Settings& settings) {
  Key out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = projection(settings.sections()[i].get(), i);
  return out;
}

// What an assessment reads depends on nothing but what it has read, so points that agree on that
// are assessed alike. Where one reads a setting that none has read before, keys are made anew.
std::shared_ptr<const Assessment> Assessor::assess(const Settings& settings) {
  const auto known = known_.find(key(settings));
  if (known != known_.end()) return known->second;
  const size_t num_read = read_.size();
  auto made = std::make_shared<const Assessment>(Evaluation(*this, settings).run());
  if (read_.size() != num_read) {
    projections_.clear();
    known_.clear();
  }
  known_[key(settings)] = made;
  return made;
}

}  // namespace xp
