// [model.moe]: the settings of a model's MoE layers, and the layers made from them. For any model.
#pragma once

#include "engine/moe/moe_layer.h"
#include "engine/moe/token_cluster.h"
#include "registry/model.h"
#include "registry/settings.h"

#include <memory>
#include <optional>
#include <string>

namespace xp {

struct ClusterSettings {
  bool enabled = false;
  std::string gate = "softmax", evaluation = "greedy";
  double temperature = 0.5;

  void describe(auto& field) {
    field("enabled", enabled, "the first MoE layer assigns tokens to ranks, where they stay");
    field("gate", gate, "how the assignment learns: differentiable sorting, or BASE layers' gate",
          one_of({"softmax", "sigmoid"}));
    field("temperature", temperature, "of the softmax over tokens", above(0));
    field("evaluation", evaluation,
          "\"greedy\": a token's expert does not depend on the batch; \"balanced\": as in training",
          one_of({"greedy", "balanced"}));
  }
};

struct MoeSettings {
  int64_t every = 2, experts = 8;
  double capacity_factor = 1.25, balance_weight = 0.01;
  std::string balance_combine = "sum", compatibility = "none";
  bool reorder_layers = false;
  std::optional<std::string> wire;
  ClusterSettings token_cluster;
  Value router, exchange;

  void describe(auto& field) {
    field("every", every, "an MoE layer in place of every n-th FFN; 0 = dense",
          at_least(0, "layers"));
    field("experts", experts, "experts of each MoE layer, over all ranks", at_least(1));
    field("capacity_factor", capacity_factor, "slots per expert over an even share; <= 0: dropless",
          any());
    field("balance_weight", balance_weight, "weight of the load-balancing loss", at_least(0));
    field("balance_combine", balance_combine,
          "how the layers' balance losses become one; neg-log: minus the logarithm of their mean",
          one_of({"sum", "average", "neg-log"}));
    field("compatibility", compatibility,
          "\"seed\": make the predecessor's decisions exactly, its defects included",
          one_of({"none", "seed"}));
    field("reorder_layers", reorder_layers,
          "all MoE layers last, without attention between them (implied by token_cluster.enabled)");
    field(
        "wire", wire,
        "number format of rows between nodes, default fp32; bf16 halves their bytes, with rounding",
        one_of({"fp32", "bf16"}));
    field.table("token_cluster", token_cluster);
    field.component("router", "router", router, "top2", "which experts see a token");
    field.component("exchange", "exchange", exchange, "gshard",
                    "how tokens reach experts on other ranks");
  }

  Compatibility whose() const { return compatibility_from(compatibility); }
  bool layers_last() const { return reorder_layers || token_cluster.enabled; }
  /// One loss, weighed; undefined without layers. `losses` holds one scalar a layer.
  torch::Tensor combined(const std::vector<torch::Tensor>& losses) const;
};

/// Router and exchanges, shared by all MoE layers of a model.
class MoeFactory {
 public:
  /// Raises kUser if the settings do not fit each other or the ranks.
  MoeFactory(const MoeSettings& settings, int64_t width, int64_t inner,
             const ModelContext& context);
  /// false: every layer is dense.
  bool has_experts() const { return exchange_ != nullptr; }
  bool is_moe(int64_t layer) const { return has_experts() && (layer + 1) % settings_.every == 0; }
  /// Whether what a row becomes in evaluation depends on nothing but the row: dropless, and every
  /// row chooses among all experts.
  bool keeps_rows_independent() const;
  /// The `ordinal`-th MoE layer of a stack, from 0. Collective.
  std::shared_ptr<MoeLayer> layer(int64_t ordinal, const Init& init) const;
  /// Collective.
  std::shared_ptr<TokenCluster> cluster(bool in_decoder, bool pre_norm, double dropout,
                                        const Init& init) const;

 private:
  const MoeSettings& settings_;
  const ModelContext& context_;
  MoeShape shape_;
  bool by_node_ = false;
  std::shared_ptr<const Router> router_;
  std::shared_ptr<const Exchange> exchange_, first_;
};

}  // namespace xp
