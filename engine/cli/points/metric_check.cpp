// Makes each metric once.
#include "engine/cli/points/metric_check.h"

#include "engine/experiment/codes.h"
#include "engine/plan/metric_tables.h"
#include "registry/metric.h"

#include <set>

namespace xp {
namespace {

std::string objection(const std::string& name, const Value& tables) {
  try {
    if (find_entry(Metric::kKind, tables.value("use", name)).is_of_plugin) return "";
    make_metric(name, {{name, tables}})->require_usable();
    return "";
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) throw;
    return error.what();
  }
}

Place place_of(const Source& source, const std::string& table, const std::string& list) {
  for (const auto& path : {table + ".command", table + ".model", table})
    if (source.keys.contains(path)) return source.value_place(path);
  return source.value_place(list);
}

}  // namespace

void check_metrics(const Experiment& experiment, Problems& problems) {
  const NamesOf& list = names_with_tables("eval.metric");
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& point : experiment.plan.points) {
    const Value* names = point.settings().find(list.path);
    if (names == nullptr || point.evaluation == State::kDone) continue;
    const Value tables = metric_tables(experiment.plan, point.settings());
    for (const auto& item : *names) {
      const std::string name = item;
      const Value table = tables.value(name, Value::object());
      if (!seen.emplace(name, canonical_text(table)).second) continue;
      const std::string wrong = objection(name, table);
      if (wrong.empty()) continue;
      problems.add(
          place_of(experiment.spec.source, fmt::format("{}.{}", list.tables, name), list.path),
          code::kMetric, fmt::format("metric '{}': {}", name, wrong));
    }
  }
}

}  // namespace xp
