// Kind `renderer`: a table of results to text in one format.
#pragma once

#include "registry/registry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// One cell: a text, or a number with its spread over seeds and its difference to the baseline.
struct Cell {
  std::string text;  ///< what to print where there is no number; empty = nothing is known
  bool is_number = false;
  double value = 0;   ///< mean
  double spread = 0;  ///< standard deviation over seeds; 0 where n < 2
  int64_t count = 0;  ///< seeds
  bool has_difference = false;
  double difference = 0;  ///< to the baseline's mean; a share of it where the column is relative
  bool is_best = false;
  bool is_tied = false;  ///< not the best, but chance alone may explain that
  /// Two-sided, of no difference, corrected for the other rows of the column; nothing where it
  /// could not be tested.
  std::optional<double> p{};
  bool is_significant = false;  ///< the difference is more than chance
  /// Where 95 % of resampled differences lie; a share where the column is relative.
  std::optional<std::pair<double, double>> interval{};
};

/// A column. Cells hold values as they were measured; `scale`, `suffix` and `decimals` are how a
/// person reads them: value / scale with so many decimals, then the suffix ("41.2k").
struct Column {
  std::string name, unit;
  bool is_number = false;  ///< numbers, or texts that are aligned as such
  bool higher_is_better = true;
  std::string key{};         ///< "tokens_per_second": the name in data formats
  double scale = 1;          ///< of the unit: 1e6 for MB
  std::string suffix{};      ///< behind every number
  int decimals = 2;          ///< behind the point
  bool is_relative = false;  ///< differences are shares of the baseline
  bool is_measured = false;  ///< a metric, not a setting
};

/// A report as data: what was compared, rows of cells, and sentences below ("next: ...").
struct Table {
  std::string title;
  std::string baseline;  ///< the row or rows that differences refer to; empty = no differences
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> notes;
};

struct Renderer {
  static constexpr const char* kKind = "renderer";
  virtual ~Renderer() = default;
  /// The table as UTF-8 text; `colour` only where the output is a terminal that wants it.
  virtual std::string render(const Table& table, bool colour) const = 0;
};

}  // namespace xp
