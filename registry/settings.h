// Typed settings. A component declares each of its settings once, in `describe`; help, checks,
// dumps and run ids are all derived from that list.
//
//   struct Config {
//     double dropout = 0.1;
//     void describe(auto& field) { field("dropout", dropout, "of sublayer outputs", fraction()); }
//   };
#pragma once

#include "engine/base/error.h"
#include "engine/base/value.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// What a setting changes, and therefore which run ids depend on it.
enum class Scope {
  kInherit,  ///< as the section that it is used in
  kCorpus,   ///< the prepared corpus, and so everything after it
  kTrain,    ///< the training, and so its evaluations
  kEval,     ///< the evaluation
  kContent,  ///< names files: the corpus id depends on their content, not on their names
  kSpeed,    ///< only how fast a run is; no id depends on it
  kNone,     ///< nothing that is measured; no id depends on it
};

enum class Type {
  kBool,
  kInteger,
  kNumber,
  kText,
  kTexts,
  kNumbers,
  kComponent,
  kOverrides,
  kNamed
};

std::string_view scope_name(Scope scope);
Scope scope_from_name(const std::string& name);  ///< Raises kBug if no scope has this name.
std::string_view type_name(
    Type type);  ///< "true or false", "an integer", "a number", "a string", "a list of strings" ...

/// Which values a setting accepts: numbers in a range, one of `choices`, or texts that match
/// `pattern`.
struct Limit {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;  ///< `low` itself is excluded
  std::vector<std::string> choices;
  std::string unit;
  std::string pattern = {};  ///< an ECMAScript regular expression for the whole text
  std::string form = {};     ///< the pattern in words, for messages
  bool may_be_infinite = false;

  /// The same limit, with `inf` accepted as "no limit". Numbers must be finite otherwise.
  Limit or_infinite() const {
    Limit out = *this;
    out.may_be_infinite = true;
    return out;
  }
};

Limit any(std::string unit = "");
Limit at_least(double low, std::string unit = "");
Limit above(double low, std::string unit = "");
Limit between(double low, double high, std::string unit = "");
Limit fraction();  ///< 0 .. 1
Limit one_of(std::vector<std::string> choices);
/// Texts that match a regular expression; messages say "must be FORM".
Limit matching(std::string pattern, std::string form);

/// One declared setting. A dotted name ("moe.experts") is in a table below its section.
struct Setting {
  std::string name;
  Type type = Type::kText;
  Value fallback;  ///< the default; null if it depends on something else (`sentence` says on what)
  Limit limit;
  std::string sentence;
  Scope scope = Scope::kInherit;
  /// kComponent: the kind of component that the table `name` configures; its key `use` picks which.
  /// kOverrides: the kind of the component, picked elsewhere, over whose settings the table `name`
  /// is merged for the evaluation.
  /// kNamed: the kind of the components that another setting lists by name; the table `name` has a
  /// table for each of them whose settings differ from the defaults.
  std::string component;
};

Value to_json(const Setting& setting);
Setting setting_from_json(const Value& value);

/// Why `value` cannot be this setting ("must be a number, not \"x\""; "is 2.5; must be at most 1"),
/// or "" if it can. An integer is accepted as a number; nothing else is converted.
std::string objection(const Setting& setting, const Value& value);

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, bool>)
    return Type::kBool;
  else if constexpr (std::is_integral_v<T>)
    return Type::kInteger;
  else if constexpr (std::is_floating_point_v<T>)
    return Type::kNumber;
  else if constexpr (std::is_same_v<T, std::string>)
    return Type::kText;
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return Type::kTexts;
  else
    return Type::kNumbers;
}

/// Visitor that collects the settings of a Config.
class Describer {
 public:
  template <class T>
  void operator()(const char* name, T& value, const char* sentence, Limit limit = {},
                  Scope scope = Scope::kInherit) {
    settings_.push_back(
        {prefix_ + name, type_of<T>(), Value(value), std::move(limit), sentence, scope, ""});
  }
  /// A setting without a fixed default.
  template <class T>
  void operator()(const char* name, std::optional<T>&, const char* sentence, Limit limit = {},
                  Scope scope = Scope::kInherit) {
    settings_.push_back(
        {prefix_ + name, type_of<T>(), Value(), std::move(limit), sentence, scope, ""});
  }
  /// A table of settings below this one.
  template <class Config>
  void table(const char* name, Config& config) {
    const std::string outer = prefix_;
    prefix_ += std::string(name) + ".";
    config.describe(*this);
    prefix_ = outer;
  }
  /// A table that configures a component of `kind`, picked by its key `use`. The table is kept as a
  /// value.
  void component(const char* name, const char* kind, Value& table, const char* fallback,
                 const char* sentence) {
    table = Value{{"use", fallback}};
    settings_.push_back(
        {prefix_ + name, Type::kComponent, Value(fallback), {}, sentence, Scope::kInherit, kind});
  }
  /// A table that is merged over the settings of the picked component of `kind` for the evaluation.
  /// Its keys are what that component declares (EvaluationSetting in registry/relations.h).
  void overrides(const char* name, const char* kind, Value& table, const char* sentence) {
    table = Value::object();
    settings_.push_back(
        {prefix_ + name, Type::kOverrides, Value(), {}, sentence, Scope::kInherit, kind});
  }
  /// Tables of the components of `kind` that another setting lists, by the names it has there: a
  /// component's own, or any other whose table picks a component by its key `use`. The list is
  /// declared before (NamesOf in engine/experiment/catalog.h).
  void named(const char* name, const char* kind, Value& tables, const char* sentence) {
    tables = Value::object();
    settings_.push_back(
        {prefix_ + name, Type::kNamed, Value(), {}, sentence, Scope::kInherit, kind});
  }
  std::vector<Setting> take() { return std::move(settings_); }

 private:
  std::string prefix_;
  std::vector<Setting> settings_;
};

/// Visitor that assigns the values of a table to a Config. Raises kUser if a value is not accepted.
class Binder {
 public:
  explicit Binder(const Value& table) : table_(table) {}

  template <class T>
  void operator()(const char* name, T& value, const char*, Limit limit = {},
                  Scope = Scope::kInherit) {
    if (const Value* found = look(name)) value = taken<T>(name, *found, std::move(limit));
  }
  template <class T>
  void operator()(const char* name, std::optional<T>& value, const char*, Limit limit = {},
                  Scope = Scope::kInherit) {
    if (const Value* found = look(name)) value = taken<T>(name, *found, std::move(limit));
  }
  template <class Config>
  void table(const char* name, Config& config) {
    static const Value kEmpty = Value::object();
    const Value* found = look(name);
    Binder inner(found != nullptr ? *found : kEmpty);
    config.describe(inner);
  }
  void component(const char* name, const char*, Value& table, const char* fallback, const char*) {
    const Value* found = look(name);
    table = found != nullptr ? *found : Value::object();
    if (!table.contains("use")) table["use"] = fallback;
  }
  void overrides(const char* name, const char*, Value& table, const char*) {
    const Value* found = look(name);
    table = found != nullptr ? *found : Value::object();
  }
  void named(const char* name, const char* kind, Value& tables, const char* sentence) {
    overrides(name, kind, tables, sentence);
  }

 private:
  const Value* look(const char* name) const {
    const auto found = table_.find(name);
    return found == table_.end() || found->is_null() ? nullptr : &*found;
  }
  template <class T>
  T taken(const char* name, const Value& value, Limit limit) const {
    const std::string wrong =
        objection({name, type_of<T>(), {}, std::move(limit), "", Scope::kInherit, ""}, value);
    if (!wrong.empty()) user_error("'{}' {}", name, wrong);
    return value.get<T>();
  }
  const Value& table_;
};

/// The declared settings of a Config, with their defaults.
template <class Config>
std::vector<Setting> settings_of() {
  Config config;
  Describer describer;
  config.describe(describer);
  return describer.take();
}

/// A Config from a table; absent keys keep their defaults. Raises kUser if a value is not accepted.
template <class Config>
Config bind_settings(const Value& table) {
  Config config;
  Binder binder(table);
  config.describe(binder);
  return config;
}

}  // namespace xp
