// What both SCoMoE exchanges declare beside their settings.
#pragma once

#include "registry/relations.h"

#include <vector>

namespace xp {

/// What the evaluation uses unless [eval.exchange] says otherwise: `share` of the tokens or
/// features, null for the shares of the training.
inline std::vector<EvaluationSetting> scomoe_evaluation(const Value& share) {
  return {{"alpha", share, "eval.alpha"}, {"beta", share, "eval.beta"}};
}

inline std::vector<PredecessorOption> scomoe_predecessor() {
  return {{"--ratio1", "alpha"}, {"--ratio2", "beta"}};
}

inline std::vector<Rule> scomoe_rules() {
  return {{"E040",
           "alpha + beta <= 1",
           "alpha + beta in [model.moe.exchange] is {alpha} + {beta}; must be at most 1",
           {"alpha", "beta"}}};
}

// Rows of full width per token and all-to-all: of tokens (seq) or of slices (feat) the same. One
// expert of the rank sees its own share once, several see it twice; on one node beta takes the
// rest.
inline std::vector<Figure> scomoe_figures() {
  return {{"has_experts", "1"},
          {"uses_nodes", "1"},
          {"spares_first", "if(first == 'gshard', 1, 0)"},
          {"node_share", "if(launch.nodes == 1, 1 - alpha, beta)"},
          {"global_share", "max(0, 1 - alpha - node_share)"},
          {"own_rows", "alpha * if(model.moe.experts == launch.ranks, 1, 2)"},
          {"expert_rows", "own_rows + (node_share + global_share) * model.moe.rows"},
          {"local_rows",
           "own_rows + model.moe.rows * (node_share + global_share) / launch.ranks_per_node"},
          {"in_node_rows",
           "model.moe.rows * (node_share + global_share) * (1 - 1 / launch.ranks_per_node)"},
          {"inter_node_rows", "model.moe.rows * global_share * model.moe.crossing"}};
}

}  // namespace xp
