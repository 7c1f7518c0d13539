// The table as one JSON object: values as measured, without scale or rounding.
#include "engine/base/json_text.h"
#include "registry/renderer.h"

namespace xp {
namespace {

// Null for a setting, and for a measure without direction.
Value direction_of(Better better) {
  return better == Better::kNeither ? Value() : Value(better == Better::kHigher);
}

Value cell_value(const Cell& cell) {
  if (!cell.is_number) return cell.text.empty() ? Value() : Value(cell.text);
  Value out = {{"value", cell.value}, {"n", cell.count}, {"best", cell.is_best}};
  if (cell.count > 1) out["std"] = cell.spread;
  if (cell.is_tied) out["tied"] = true;
  if (cell.is_disturbed) out["disturbed"] = true;
  if (cell.has_difference) out["difference"] = cell.difference;
  if (cell.p) out["p"] = *cell.p;
  if (cell.interval) out["interval"] = {cell.interval->first, cell.interval->second};
  return out;
}

struct Json final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Json(const Config&) {}

  std::string render(const Table& table, bool) const override {
    Value columns = Value::array(), rows = Value::array();
    for (const Column& column : table.columns) {
      columns.push_back({{"key", column.key},
                         {"name", column.name},
                         {"measured", column.is_measured},
                         {"higher_is_better", direction_of(column.better)},
                         {"difference", column.is_relative ? "share" : "absolute"}});
    }
    for (const auto& row : table.rows) {
      Value object = Value::object();
      for (size_t i = 0; i < row.size(); ++i)
        object[table.columns[i].key] = cell_value(row[i]);
      rows.push_back(std::move(object));
    }
    std::vector<std::string> notes = table.notes;
    notes.insert(notes.end(), table.hints.begin(), table.hints.end());
    const Value whole = {
        {"schema_version", 1}, {"title", table.title}, {"baseline", table.baseline},
        {"columns", columns},  {"rows", rows},         {"notes", notes}};
    return json_text(whole, 2) + "\n";
  }
};

XP_REGISTER(Renderer, Json, "json", "one JSON object with unrounded values");

}  // namespace
}  // namespace xp
