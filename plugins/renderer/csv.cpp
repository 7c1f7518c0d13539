// The table as CSV (RFC 4180, but lines end in LF as Unix tools expect): values as measured;
// spread, n, difference and its p in columns of their own.
#include "engine/base/csv.h"

#include "engine/base/text.h"
#include "registry/renderer.h"

namespace xp {
namespace {

void add_cell(const Column& column, const Cell& cell, std::vector<std::string>& fields) {
  fields.push_back(cell.is_number ? fmt::format("{}", cell.value) : csv_field(cell.text));
  if (!column.is_measured) return;
  fields.push_back(cell.count > 1 ? fmt::format("{}", cell.spread) : "");
  fields.push_back(cell.is_number ? std::to_string(cell.count) : "");
  fields.push_back(cell.has_difference ? fmt::format("{}", cell.difference) : "");
  fields.push_back(cell.p ? fmt::format("{}", *cell.p) : "");
}

struct Csv final : Renderer {
  struct Config {
    void describe(auto&) {}
  };

  explicit Csv(const Config&) {}

  std::string render(const Table& table, bool) const override {
    std::vector<std::string> heads;
    for (const Column& column : table.columns) {
      heads.push_back(csv_field(column.key));
      if (!column.is_measured) continue;
      for (const char* part : {"_std", "_n", "_difference", "_p"})
        heads.push_back(csv_field(column.key + part));
    }
    std::string out = join(heads, ",") + "\n";
    for (const auto& row : table.rows) {
      std::vector<std::string> fields;
      for (size_t i = 0; i < row.size(); ++i)
        add_cell(table.columns[i], row[i], fields);
      out += join(fields, ",") + "\n";
    }
    return out;
  }
};

XP_REGISTER(Renderer, Csv, "csv", "comma-separated values, unrounded");

}  // namespace
}  // namespace xp
