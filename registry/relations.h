// Rules between settings, and figures computed from them, as components declare them. They are
// expressions (engine/base/expression.h), not code, so that `xp` can plan a component that
// only xp-engine can run.
//
//   static std::vector<Rule> rules() {
//     return {{"E042", "width % heads == 0", "'heads' is {heads}, which does not divide 'width' "
//              "{width}", {"heads", "width"}}};
//   }
//   static std::vector<Figure> figures() { return {{"inner", "2 * width"}}; }
//
// in the Config of a component or section. A name is looked up below the component's own table
// first, then from the root: `heads`, `moe.experts`, `launch.nodes`. A figure is addressed like a
// setting of its component's table: `inner`, `moe.exchange.inner`, `model.inner`. A name that
// nobody declares is null, and arithmetic with null is null.
//
// kPlannedFigures lists the figures that planning asks for.
#pragma once

#include "engine/base/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A condition that every point of an experiment must fulfil before anything starts.
struct Rule {
  std::string code;             ///< stable: "E041"
  std::string holds;            ///< fulfilled if this is true or a name in it has no value
  std::string message;          ///< {expression} in it is replaced by its value
  std::vector<std::string> at;  ///< the settings concerned; the message has the place of the first
                                ///< one that is written in the file
  bool is_note = false;         ///< a note, not an error
};

/// A number computed from the settings.
struct Figure {
  std::string name, formula;
};

/// A figure that planning asks of every component of a kind. Without it `xp plan` cannot predict or
/// check what depends on it, and says so.
struct PlannedFigure {
  std::string_view kind, name, meaning;
};

/// A model's figures are per update unless they say otherwise, forward and backward, for batches as
/// full as `max_tokens` allows; bytes of rows, which pads are not, for those of the corpus. An
/// exchange's rows are per token of a rank and all-to-all, as multiples of the model's width; one
/// without experts needs `has_experts` only. Beside these an exchange may declare `uses_nodes` and
/// `spares_first` (registry/exchange_traits.h).
inline constexpr PlannedFigure kPlannedFigures[] = {
    {"model", "parameters", "of all ranks together"},
    {"model", "parameters_on_rank", "of one rank"},
    {"model", "flops", "of one rank's matrix products"},
    {"model", "dense_flops", "the same if every MoE layer were an ordinary feed-forward layer"},
    {"model", "full_flops",
     "the same if all rows of MoE layers went to all their experts' choices"},
    {"model", "expert_flops", "of them, those of experts"},
    {"model", "exchanges", "all-to-alls of all MoE layers, there and back and their gradients"},
    {"model", "shared_parameters", "that all ranks hold"},
    {"model", "late_parameters", "of them, those whose gradients the backward pass ends with"},
    {"model", "output_flops", "of the products behind which no sums of gradients can hide"},
    {"model", "local_bytes", "of all MoE layers' rows that stay on their accelerator, all ranks"},
    {"model", "in_node_bytes", "of all MoE layers' rows that change the rank in a node, all ranks"},
    {"model", "inter_node_bytes", "of all MoE layers' rows that leave a node, all ranks"},
    {"model", "fixed_inter_node_bytes", "of them, those that no share of the exchange changes"},
    {"model", "global_share", "the exchange's"},
    {"model", "gradient_inter_node_bytes", "of gradients that leave a node, all ranks"},
    {"model", "memory_bytes", "of one rank, about"},
    {"model", "checkpoint_bytes", "on disk"},
    {"router", "choices", "experts that see a token"},
    {"optimizer", "state_values", "values kept for each parameter"},
    {"exchange", "has_experts", "1, or 0 if every MoE layer is an ordinary feed-forward layer"},
    {"exchange", "global_share", "share of tokens or features that may go to any node"},
    {"exchange", "expert_rows", "rows that experts compute"},
    {"exchange", "local_rows", "rows that stay on their rank"},
    {"exchange", "in_node_rows", "rows sent to other ranks of the node"},
    {"exchange", "inter_node_rows", "rows sent to other nodes"},
};

/// Figures of exchanges that rules may ask for and that say no if they are not declared
/// (registry/exchange_traits.h).
inline constexpr std::string_view kTraits[] = {"uses_nodes", "spares_first"};

/// A setting of a component that the evaluation may set to another value than the training did. A
/// component's Config lists them:
///
///   static std::vector<EvaluationSetting> evaluation() { return {{"noise", 0.0}}; }
struct EvaluationSetting {
  std::string name;  ///< of a setting of this component
  Value fallback;    ///< the evaluation's value if the experiment sets none; null: the training's
  /// The setting's full path in experiments that were written before it was part of a table of
  /// overrides; ids still know it by this path, and an error names the new one. Empty: none.
  std::string former = {};
};

/// A setting's name among the options of the predecessor, whose recorded runs xp-conformance
/// replays. A component's Config lists them in `predecessor()`.
struct PredecessorOption {
  std::string option, name;
};

Value to_json(const Rule& rule);
Rule rule_from_json(const Value& value);
Value to_json(const EvaluationSetting& setting);
EvaluationSetting evaluation_setting_from_json(const Value& value);

}  // namespace xp
