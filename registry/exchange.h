// Kind `exchange`: how the tokens of all ranks reach the experts of all ranks and come back.
//
// Shapes: T tokens on this rank, D model width, E experts of all ranks, X experts on this rank.
#pragma once

#include "engine/comm/all_to_all.h"
#include "engine/comm/group.h"
#include "registry/router.h"
#include "registry/sent_rows.h"

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xp {

/// One call of an MoE layer.
struct MoeCall {
  torch::Tensor x_TD;
  torch::Tensor logits_TE;  ///< gate logits over all experts; undefined if the exchange has none
  const Router& router;
  CapacityRule capacity;
  const Groups& groups;  ///< `world` is the ranks that hold one set of experts together
  int64_t experts_per_rank = 1;
  torch::Tensor pad_T;  ///< as in RouteCall
  Compatibility compatibility = Compatibility::kNone;
  Draws* draws = nullptr;
  /// The counters of what exchanges of part `name` ("node", "global") send.
  std::function<Traffic*(const std::string& name)> traffic;
  /// Runs part `part` of this rank's experts, [M, width of the part] -> the same shape. Rows
  /// start[i] to start[i + 1] - 1 are those of local expert i; `start_X1`, int64, is in either
  /// memory.
  std::function<torch::Tensor(int64_t part, const torch::Tensor& rows_MD,
                              const torch::Tensor& start_X1)>
      experts;
  Wire wire = Wire::kExact;  ///< of rows that cross nodes: [model.moe] wire
  /// On a device: told how many rows of this rank go to the experts from number `first` on, int64,
  /// because `experts` get slots there, whose number says nothing.
  std::function<void(int64_t first, const torch::Tensor& count)> count_rows = {};
  /// Where part `name` counts the rows that it sends; empty: nobody counts.
  std::function<SentRows*(const std::string& name)> sent{};
};

struct MoeResult {
  torch::Tensor y_TD;     ///< zero rows for tokens that reached no expert
  torch::Tensor balance;  ///< scalar; undefined if there is nothing to balance
  GateFigures metrics = {};
};

/// An exchange declares the figures that planning asks for (kPlannedFigures in
/// registry/relations.h) and its traits (registry/exchange_traits.h) in its Config.
struct Exchange {
  static constexpr const char* kKind = "exchange";
  virtual ~Exchange() = default;

  /// true: token clustering assigns rows to nodes, not to experts (predecessor.md 4.3, step 4).
  virtual bool clusters_by_node() const { return false; }

  /// false: which experts can see a row depends on the rank it is on or on the rows beside it, also
  /// in evaluation without dropping.
  virtual bool keeps_rows_independent(const Topology&) const { return true; }

  /// Input width of each part's FFN inside one expert: {D}, or the feature slices of SCoMoE-feat.
  /// Raises kUser.
  virtual std::vector<int64_t> part_widths(int64_t width, const Topology&, Compatibility) const {
    return {width};
  }

  /// Collective over call.groups: which operations run depends on settings and topology only, never
  /// on the tokens.
  virtual MoeResult forward(const MoeCall& call) const = 0;
};

}  // namespace xp
