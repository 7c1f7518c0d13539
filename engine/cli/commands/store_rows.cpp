// CSV and JSON line by line, so that long answers need no memory.
#include "engine/cli/commands/store_rows.h"

#include "engine/base/csv.h"
#include "engine/base/json_text.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/cli/points/points.h"
#include "engine/cli/terminal/text_table.h"

#include <cstdio>

namespace xp {
namespace {

std::string plain(const Value& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : json_text(value);
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
        fmt::print("{}\n{}", first ? "" : ",", json_text(row));
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

}  // namespace

void RowsOptions::declare(Arguments& arguments) {
  arguments.option("--format", "FORMAT", &format, "how rows are printed")
      .one_of({"table", "csv", "json"});
  WorkspaceOptions::declare(arguments);
  arguments.flag("--json", json, "the same as --format json");
}

int print_rows(const RowsOptions& options, const std::string& sql) {
  Store store = open_store(Workspace{options.workspace});
  if (options.json || options.format == "json") {
    print_json(store, sql);
  } else if (options.format == "csv") {
    print_csv(store, sql);
  } else {
    print_table(store, sql);
  }
  return Exit::kDone;
}

}  // namespace xp
