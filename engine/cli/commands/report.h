// `xp report`, which `xp run` ends with.
#pragma once

#include "engine/cli/points/options.h"

namespace xp {

struct ReportOptions : ExperimentOptions {
  void declare(Arguments& arguments);

  std::string format;
  /// As in [report]; lists by comma. Empty: as the file says.
  std::string rows, columns, where, baseline, pivot, sort, pool;
  std::string at;                ///< BUDGET=VALUE
  std::string pareto;            ///< a cost
  std::filesystem::path output;  ///< a file whose ending names the format; empty = print
  bool effects = false, parts = false;
  bool write = false, check = false;  ///< the files of [report]
};

/// Folds finished runs into the index and prints the comparison; the exit code.
int print_report(const ReportOptions& options);

}  // namespace xp
