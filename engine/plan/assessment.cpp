// Evaluates declared expressions over one point's settings, and remembers which settings they read.
#include "engine/plan/assessment.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/experiment/components.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace xp {
namespace {

// A setting as it is written; a computed number without the point that its type would need.
std::string shown(const Value& value, bool is_setting) {
  if (is_setting || !value.is_number_float()) return show(value);
  return fmt::format("{:.6g}", value.get<double>());
}

// A setting or a figure, by its full path.
struct Slot {
  std::string path;
  const std::string* formula = nullptr;  // of a figure
  std::string table;                     // the table that names are looked up in first
  const struct Bound* bound = nullptr;   // the formula, once it was asked for
  bool was_read = false;
};

// An expression of a component and the slots that its names may mean: below the component's own
// table, else from the top.
struct Bound {
  const Expression& expression;
  std::string text, table;
  std::vector<std::array<size_t, 2>> names;
};

struct Part {
  const Declaration* declaration;
  std::string path;
};

}  // namespace

/// The settings and figures that the names in the rules and formulas of some components mean,
/// looked up once for all points that pick these.
class Wiring {
 public:
  struct WiredRule {
    const Rule& rule;
    const Bound& holds;
  };

  Wiring(Assessor& owner, const std::vector<Part>& parts) : owner_(owner) {
    for (const auto& part : parts) {
      for (const auto& figure : part.declaration->figures) {
        Slot& slot = slots_[index_of(part.path + "." + figure.name)];
        if (slot.formula != nullptr) continue;
        slot.formula = &figure.formula;
        slot.table = part.path;
      }
    }
    for (const auto& part : parts) {
      for (const auto& rule : part.declaration->rules)
        rules_.push_back({rule, bound(rule.holds, part.path)});
    }
    for (const auto& figure : kPlannedFigures) {
      if (figure.kind != "model") continue;
      shown_.emplace_back(figure.name, index_of("model." + std::string(figure.name)));
    }
  }

  const std::vector<WiredRule>& rules() const { return rules_; }
  const std::vector<std::pair<std::string, size_t>>& shown() const { return shown_; }
  size_t num_slots() const { return slots_.size(); }
  Slot& slot(size_t index) { return slots_[index]; }

  std::array<size_t, 2> name(const std::string& table, const std::string& name) {
    return {index_of(table.empty() ? name : table + "." + name), index_of(name)};
  }

  const Bound& bound(const std::string& text, const std::string& table) {
    const auto known = bounds_.find({text, table});
    if (known != bounds_.end()) return known->second;
    Bound made{expression(text), text, table, {}};
    for (const auto& one : made.expression.names())
      made.names.push_back(name(table, one.text));
    return bounds_.emplace(std::make_pair(text, table), std::move(made)).first->second;
  }

 private:
  size_t index_of(const std::string& path) {
    const auto [at, is_new] = indices_.try_emplace(path, slots_.size());
    if (is_new) slots_.emplace_back().path = path;
    return at->second;
  }

  const Expression& expression(const std::string& text) {
    const auto known = owner_.expressions_.find(text);
    if (known != owner_.expressions_.end()) return known->second;
    try {
      return owner_.expressions_.emplace(text, Expression::parse(text)).first->second;
    } catch (const ExpressionError& error) {
      user_error("a component declares '{}', which is not an expression: {}", text, error.what());
    }
  }

  Assessor& owner_;
  std::deque<Slot> slots_;
  std::map<std::string, size_t> indices_;
  std::map<std::pair<std::string, std::string>, Bound> bounds_;
  std::vector<WiredRule> rules_;
  std::vector<std::pair<std::string, size_t>> shown_;
};

// A trait that a component does not declare is one that it has not.
bool is_trait(std::string_view path) {
  return std::any_of(std::begin(kTraits), std::end(kTraits), [path](std::string_view trait) {
    return path.ends_with(trait) && path.find(".exchange.") != path.npos;
  });
}

/// The components of one point and the figures that were asked for so far.
class Evaluation {
 public:
  Evaluation(Assessor& owner, const Settings& settings) : owner_(owner), settings_(settings) {
    const auto pick = [&](const std::string& path, std::string_view, const Value&) {
      const std::string name = path + ".use";
      owner_.read_.insert(name);
      const Value* use = settings_.find(name);
      return std::vector{use != nullptr && use->is_string() ? use->get<std::string>() : ""};
    };
    const auto visit = [this](const PickedPart& part) {
      picked_.push_back(part.declaration);
      if (part.declaration != nullptr) parts_.push_back({part.declaration, part.path});
    };
    ComponentWalk walk(owner_.catalog_, pick, visit);
    for (const auto& section : kSections) {
      if (std::string_view(section.name) != "report") walk.section(section);
    }
    auto& wiring = owner_.wirings_[picked_];
    if (wiring == nullptr) wiring = std::make_shared<Wiring>(owner_, parts_);
    wiring_ = wiring.get();
    for (const auto& [name, value] : owner_.corpus_figures(settings).items())
      known(wiring_->name("corpus", name)[0]).figure = value;
  }

  Assessment run() {
    Assessment out;
    for (const auto& [rule, holds] : wiring_->rules())
      apply(rule, holds, out);
    std::map<std::string, std::vector<std::string>> unknown;  // cause -> figures
    for (const auto& [name, slot] : wiring_->shown()) {
      const Value& value = *look({slot, slot}).value;
      if (value.is_number()) out.figures[name] = value;
      const bool is_declared = wiring_->slot(slot).formula != nullptr;
      if (is_declared && value.is_null()) unknown[cause_of_null(slot)].push_back(name);
    }
    add_undeclared(out.unpredicted);
    for (const auto& [cause, names] : unknown) {
      if (undeclared_.contains(cause)) continue;
      out.unpredicted.push_back(
          fmt::format("{} cannot be predicted: '{}' has no value yet", join(names, ", "), cause));
    }
    return out;
  }

 private:
  /// What is known of a slot at this point.
  struct Known {
    bool was_looked_up = false, is_open = false;
    const Value* setting = nullptr;
    std::optional<Value> figure;
  };
  struct Found {
    const Value* value;
    bool is_setting;
    size_t slot;
  };

  // The setting or figure without value that makes the figure null.
  std::string cause_of_null(size_t index) {
    const Slot& slot = wiring_->slot(index);
    if (slot.bound == nullptr) return slot.path;
    for (const auto& name : slot.bound->names) {
      const Found found = look(name);
      if (found.value->is_null()) return cause_of_null(found.slot);
    }
    return slot.path;
  }

  void add_undeclared(std::vector<std::string>& out) {
    for (const auto& part : parts_) {
      if (settings_.is_unused(part.path + ".use")) continue;
      const Value* table = settings_.find(part.path);
      std::vector<std::string> names;
      for (const auto& figure :
           missing_figures(*part.declaration, table == nullptr ? Value::object() : *table)) {
        names.emplace_back(figure.name);
        undeclared_.insert(fmt::format("{}.{}", part.path, figure.name));
      }
      if (names.empty()) continue;
      out.push_back(fmt::format(
          "the {} '{}' declares no {}: what follows from {} is neither predicted nor checked",
          part.declaration->kind, part.declaration->name, join(names, ", "),
          names.size() == 1 ? "it" : "them"));
    }
  }

  Known& known(size_t slot) {
    if (slot >= known_.size()) known_.resize(wiring_->num_slots());
    return known_[slot];
  }

  const Value* setting(size_t index) {
    Known& one = known(index);
    if (one.was_looked_up) return one.setting;
    Slot& slot = wiring_->slot(index);
    if (!slot.was_read) owner_.read_.insert(slot.path);
    slot.was_read = one.was_looked_up = true;
    return one.setting = settings_.find(slot.path);
  }

  Found look(const std::array<size_t, 2>& name) {
    static const Value kNothing;
    for (const size_t slot : name) {
      if (wiring_->slot(slot).formula != nullptr) return {&figure(slot), false, slot};
      const Value* found = setting(slot);
      if (found != nullptr && !found->is_object()) return {found, true, slot};
    }
    return {&kNothing, true, name[0]};
  }

  const Value& figure(size_t index) {
    Known& one = known(index);
    if (one.figure) return *one.figure;
    Slot& slot = wiring_->slot(index);
    if (one.is_open) user_error("the figure '{}' of a component depends on itself", slot.path);
    if (slot.bound == nullptr) slot.bound = &wiring_->bound(*slot.formula, slot.table);
    one.is_open = true;
    one.figure = value_of(*slot.bound);
    one.is_open = false;
    return *one.figure;
  }

  Value value_of(const Bound& bound) {
    try {
      return bound.expression.evaluate(
          [&](size_t i) -> const Value& { return *look(bound.names[i]).value; });
    } catch (const ExpressionError& error) {
      user_error("the component in [{}] declares '{}', which cannot be evaluated: {}", bound.table,
                 bound.text, error.what());
    }
  }

  void apply(const Rule& rule, const Bound& holds, Assessment& out) {
    for (const auto& name : holds.names) {
      const Found found = look(name);
      if (found.value->is_null() && !is_trait(wiring_->slot(found.slot).path)) return;
    }
    if (value_of(holds) != false) return;
    Breach breach{rule.code, filled(rule.message, holds.table), {}, rule.is_note};
    for (const auto& name : rule.at) {
      const Found found = look(wiring_->name(holds.table, name));
      breach.paths.push_back(wiring_->slot(found.slot).path);
    }
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
      const Bound& bound = wiring_->bound(text, table);
      const auto& names = bound.expression.names();
      const bool is_name = names.size() == 1 && names[0].text == text;
      const bool is_setting = is_name && look(bound.names[0]).is_setting;
      out += shown(value_of(bound), is_setting);
      at = close + 1;
    }
    return out;
  }

  Assessor& owner_;
  const Settings& settings_;
  std::vector<Part> parts_;
  std::vector<const Declaration*> picked_;  // nullptr: nothing known was picked
  Wiring* wiring_ = nullptr;
  std::deque<Known> known_;           // by slot; stays in place as it grows
  std::set<std::string> undeclared_;  // full paths of figures that planning misses
};

// Sections of one pattern have one projection if no assessment reads what they differ in.
size_t Assessor::projection(const SharedSection* section, size_t index) {
  const auto& axes = section->pattern().axes;
  const auto is_read = [this](const std::string& path) { return read_.contains(path); };
  const bool is_own = std::any_of(axes.begin(), axes.end(), is_read);
  const void* key = is_own ? static_cast<const void*>(section) : &section->pattern();
  const auto known = projections_.find(key);
  if (known != projections_.end()) return known->second;
  const std::string prefix = std::string(kPointSections[index]) + ".";
  std::string text = prefix;
  for (auto at = read_.lower_bound(prefix); at != read_.end() && at->starts_with(prefix); ++at) {
    const Value* value = section->find(std::string_view(*at).substr(prefix.size()));
    text += value == nullptr || value->is_object() ? "\n" : canonical_text(*value) + "\n";
  }
  return projections_[key] = texts_.emplace(text, texts_.size()).first->second;
}

const Value& Assessor::corpus_figures(const Settings& settings) {
  const SharedSection* section = settings.section("corpus");
  const auto [at, is_new] = known_corpora_.try_emplace(section, Value::object());
  if (is_new && corpus_figures_) at->second = corpus_figures_(settings.at("corpus"));
  return at->second;
}

Assessor::Key Assessor::key(const Settings& settings) {
  Key out{};
  for (size_t i = 0; i < kPointSections.size(); ++i)
    out[i] = projection(settings.sections()[i].get(), i);
  const std::string figures = canonical_text(corpus_figures(settings));
  out.back() = texts_.emplace(figures, texts_.size()).first->second;
  return out;
}

// The result depends only on the settings that were read, so points that agree in those share it.
// If an assessment reads a setting that none has read before, all keys are made again.
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
