// Checks typed settings as those of experiment files are checked.
#include "engine/cli/commands/typed_metrics.h"

#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/parser/exit_code.h"

namespace xp {

Value metric_tables_of(const std::vector<RunFolder>& runs) {
  Value out = Value::object();
  for (const auto& run : runs) {
    const Value* tables = find_path(run.spec, "eval.metric");
    if (tables == nullptr) continue;
    for (const auto& [name, table] : tables->items())
      if (!out.contains(name)) out[name] = table;
  }
  return out;
}

void set_metric_settings(const std::vector<std::string>& sets, Value& tables) {
  for (const auto& set : sets) {
    const size_t equals = set.find('=');
    const size_t dot = set.substr(0, equals).find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 == equals)
      usage_error("--set takes NAME.KEY=VALUE, such as bleu.tokenizer=zh, not '{}'", set);
    const std::string key = set.substr(dot + 1, equals - dot - 1);
    tables[set.substr(0, dot)][key] = typed_value(std::string(trim(set.substr(equals + 1))));
  }
}

std::unique_ptr<Metric> typed_metric(const std::string& name, const Value& tables) {
  const Value table = tables.value(name, Value::object());
  const Value use = table.value("use", Value(name));
  if (!use.is_string()) user_error("--set {}.use names a component, not {}", name, show(use));
  const AnyEntry& entry = find_entry(Metric::kKind, use);
  const Declaration declaration = entry.describe(entry);
  std::vector<std::string> known;
  for (const auto& setting : declaration.settings)
    known.push_back(setting.name);
  for (const auto& [key, value] : table.items()) {
    if (key == "use") continue;
    const Setting* setting = find_setting(declaration, key);
    if (setting == nullptr) {
      const std::string near = nearest(key, known);
      user_error("the metric '{}' has no setting '{}'{}; `xp components {}` lists them", name, key,
                 near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
                 use.get<std::string>());
    }
    const std::string wrong = objection(*setting, value);
    if (!wrong.empty()) user_error("'{}' of the metric '{}' {}", key, name, wrong);
  }
  auto metric = make_metric(name, tables);
  metric->require_usable();
  return metric;
}

}  // namespace xp
