// Kind `router`: which experts see a token, with what weight, and who is dropped.
//
// Shapes: T tokens, E experts, K choices per token, N kept rows (token, expert).
#pragma once

#include "registry/compatibility.h"
#include "registry/draws.h"
#include "registry/registry.h"

#include <torch/types.h>

#include <map>
#include <string>

namespace xp {

/// How many rows an expert takes from one rank.
struct CapacityRule {
  double factor = 1.0;  ///< training: capacity_factor of [model.moe]; <= 0: dropless
  double fraction =
      -1.0;  ///< evaluation: slots as a share of the tokens; < 0: the training rule; 0: dropless
  bool training = true;
};

/// The input of a router.
struct RouteCall {
  torch::Tensor logits_TE;
  CapacityRule capacity;
  torch::Tensor pad_T;  ///< bool: rows that get no expert but count for the capacity and the
                        ///< balance loss (kSeed); undefined if every row is a token
  Compatibility compatibility = Compatibility::kNone;
  Draws* draws = nullptr;  ///< never null inside a model
};

/// Figures of a gate by name: scalars on the logits' device, without gradient. They are read later,
/// so that nobody waits for them.
using GateFigures = std::map<std::string, torch::Tensor>;

/// A routing as rows grouped by expert, in slot order: the form in which they are sent. No S x E x
/// C tensor is made.
struct Routing {
  torch::Tensor token_N;   ///< int64: the token of each row; on a device -1: a slot of nobody
  torch::Tensor weight_N;  ///< its gate weight, differentiable, in the logits' type
  torch::Tensor count_E;   ///< int64 in the host's memory: rows of each expert
  torch::Tensor balance;   ///< load-balancing loss, a differentiable scalar; 1 when uniform
  GateFigures metrics =
      {};  ///< "entropy", "overflow_first", "unused_first", ... (shares in percent)
  /// int64, on the device: how many of an expert's rows are of tokens, if they are slots; else
  /// undefined.
  torch::Tensor kept_E = {};
};

/// A router declares the figure `choices`, which planning asks for (registry/relations.h).
struct Router {
  static constexpr const char* kKind = "router";
  virtual ~Router() = default;
  /// T may be 0. Random numbers come from call.draws alone. Evaluation draws none (kNone), and if
  /// nothing is dropped, a row's experts and weights depend on its own logits only.
  virtual Routing route(const RouteCall& call) const = 0;
};

}  // namespace xp
