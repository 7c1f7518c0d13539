// What recorded rows weigh on the links of a layout: bytes and step times of layouts, rates and
// exchanges that were not run, without computing the model.
#pragma once

#include "engine/plan/step_model.h"
#include "results/runs/exchange_record.h"

#include <optional>

namespace xp {

/// A layout that rows are sent on.
struct ReplayLayout {
  int64_t nodes = 1, ranks_per_node = 1, experts = 1;
  bool is_bf16 = false, packs = false;  ///< rows that cross nodes

  explicit ReplayLayout(const Settings& settings);
  int64_t ranks() const { return nodes * ranks_per_node; }
};

/// Of an update, all ranks together, as the counters of a training have them.
struct ReplayedRows {
  double local = 0, in_node = 0, inter_node = 0;  ///< bytes
  double busiest_rank = 0;  ///< the larger direction of the rank with most on links in its node
  double busiest_port = 0;  ///< the larger direction of the node with most between nodes
  double imbalance = 1;     ///< rows of the rank that computes most, of the mean, over the layers
};

/// The rows of `record` on another layout: experts are shared out anew, each source rank keeps its
/// rows (of more or fewer ranks each takes those of the rank with its place). How many tokens cross
/// once for two experts is as recorded, or estimated and corrected by what was recorded. Parts that
/// stay in a node must be of the recorded layout (can_replay).
ReplayedRows replay_rows(const ExchangeRecord& record, const ReplayLayout& layout);

/// Whether every part of the record may be sent on the layout as it is: parts that stay in their
/// node were routed for the nodes they have.
bool can_replay(const ExchangeRecord& record, const ReplayLayout& layout);

/// A recorded training, and how it would be with other settings.
class Replay {
 public:
  struct Side {
    Settings settings;
    Figures figures;
  };
  struct Result {
    double in_node_bytes = 0, inter_node_bytes = 0;  ///< of rows, as in a run's summary
    double gradient_inter_node_bytes = 0;
    bool is_as_recorded = true;  ///< rows were replayed; else scaled as the exchanges declare
    std::optional<StepPrediction> step;  ///< nothing without a probe, or a rate that it needs
  };

  /// Raises as replay_rows.
  Replay(ExchangeRecord record, Side recorded);

  /// `probe` may be null.
  Result of(const Side& side, const Probe* probe) const;

 private:
  ExchangeRecord record_;
  Side own_;
  ReplayLayout layout_;    ///< of the record
  ReplayedRows own_rows_;  ///< on it
};

}  // namespace xp
