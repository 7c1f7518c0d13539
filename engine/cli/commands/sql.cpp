// `xp sql` and `xp export`: what the store holds, as rows.
#include "engine/base/csv.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/listing.h"
#include "results/store/store.h"

#include <algorithm>
#include <cstdio>

namespace xp {
namespace {

const std::vector<std::string> kTables = {
    "runs_wide", "seed_groups", "point_axes", "points",   "runs",      "settings", "summary",
    "metrics",   "scores",      "provenance", "attempts", "artefacts", "sources",  "experiments"};

std::string plain(const Value& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void print_csv(Store& store, const std::string& sql) {
  const auto line = [](const auto& items, auto&& text) {
    std::string out;
    for (size_t i = 0; i < items.size(); ++i)
      out += (i == 0 ? "" : ",") + csv_field(text(items[i]));
    fmt::print("{}\r\n", out);
  };
  store.query(
      sql, [&](const auto& names) { line(names, [](const std::string& name) { return name; }); },
      [&](const auto& values) { line(values, &plain); });
}

// One object a line inside the list, so that long answers need no memory.
void print_json(Store& store, const std::string& sql) {
  std::vector<std::string> names;
  bool first = true;
  fmt::print("{{\"schema_version\": 1, \"rows\": [");
  store.query(
      sql, [&](const auto& columns) { names = columns; },
      [&](const auto& values) {
        Value row = Value::object();
        for (size_t i = 0; i < names.size(); ++i)
          row[names[i]] = values[i];
        fmt::print("{}\n{}", first ? "" : ",",
                   row.dump(-1, ' ', false, Value::error_handler_t::replace));
        first = false;
      });
  fmt::print("{}]}}\n", first ? "" : "\n");
}

void print_table(Store& store, const std::string& sql) {
  std::vector<std::vector<std::string>> rows;
  store.query(
      sql, [&](const auto& names) { rows.push_back(names); },
      [&](const auto& values) {
        auto& row = rows.emplace_back();
        for (const Value& value : values)
          row.push_back(value.is_null() ? "-" : plain(value));
      });
  fmt::print("{}", text_table(rows));
}

int print_rows(const Options& options, const std::string& sql, const std::string& format) {
  FoldResult folded;
  Store store = Store::of(Workspace{options.workspace}, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  if (format == "csv") {
    print_csv(store, sql);
  } else if (format == "json") {
    print_json(store, sql);
  } else if (format == "table") {
    print_table(store, sql);
  } else {
    user_error("{}", unknown_name("format", format, {"csv", "json", "table"}));
  }
  return Exit::kDone;
}

}  // namespace

int sql_command(const Options& options) {
  const std::string otherwise = options.json ? "json" : "table";
  return print_rows(options, options.sql, options.format.empty() ? otherwise : options.format);
}

int export_command(const Options& options) {
  const std::string table = options.table.empty() ? kTables.front() : options.table;
  if (std::find(kTables.begin(), kTables.end(), table) == kTables.end())
    user_error("{}", unknown_name("table", table, kTables));
  const std::string otherwise = options.json ? "json" : "csv";
  return print_rows(options, "SELECT * FROM " + table,
                    options.format.empty() ? otherwise : options.format);
}

}  // namespace xp
