// Rows of the index as a table, CSV or JSON.
#pragma once

#include "engine/cli/points/options.h"

#include <string>

namespace xp {

/// --format and --json of a command that prints rows.
struct RowsOptions : WorkspaceOptions {
  std::string format;  ///< "table", "csv" or "json"
  bool json = false;

  /// `default_format` is used without --format and --json.
  explicit RowsOptions(std::string default_format) : format(std::move(default_format)) {}
  void declare(Arguments& arguments);
};

/// Folds finished runs into the index, then prints the answer to a query; the exit code. Rows are
/// printed as they come, except for tables.
int print_rows(const RowsOptions& options, const std::string& sql);

}  // namespace xp
