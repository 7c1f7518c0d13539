// What the exchanges of a training sent, by layer, source rank and expert.
//
//   attempts/K/exchange.jsonl   a line for each sample: sums since the one before. Samples are
//   twice
//                               as far apart each time, and the last is at the end
#pragma once

#include "results/runs/workspace.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// One part of a layer, added up. Rows are `width` values of `value_bytes`.
struct PartRecord {
  int64_t width = 0, value_bytes = 0;
  std::vector<double> tokens;                 ///< [source rank]
  std::vector<std::vector<double>> rows;      ///< [source rank][expert]; empty: sends nothing
  std::vector<std::vector<double>> crossing;  ///< [source rank][node]: a token once for each node;
                                              ///< empty: rows cross one by one
};

struct ExchangeRecord {
  int64_t nodes = 1, ranks_per_node = 1;
  double updates = 0, calls = 0;                                    ///< of each layer
  std::map<std::string, std::map<std::string, PartRecord>> layers;  ///< "encoder.1" -> "global"

  int64_t ranks() const { return nodes * ranks_per_node; }
};

/// Adds a line to the attempt's record.
void append_exchange(const fs::path& attempt_folder, int64_t update, const ExchangeRecord& sample);

/// The sum over all attempts of a run; lines that are damaged or of another layout are left out.
/// Nothing if there are none.
std::optional<ExchangeRecord> read_exchange(const fs::path& run_folder);

}  // namespace xp
