// The plain exchange: any token may go to any expert of any rank.
// Source: Lepikhin et al. 2020, "GShard", https://arxiv.org/abs/2006.16668, section 3.
#include "engine/moe/routed.h"
#include "registry/exchange.h"

namespace xp {
namespace {

struct GShard final : Exchange {
  struct Config {
    void describe(auto&) {}

    // Rows of full width per token and all-to-all, for tokens spread evenly over experts. With
    // fewer experts than ranks, blocks of as many ranks as experts hold one set each.
    static std::vector<Figure> figures() {
      return {{"has_experts", "1"},
              {"group", "min(launch.ranks, model.moe.experts)"},
              {"mates", "min(group, launch.ranks_per_node)"},
              {"expert_rows", "model.moe.rows"},
              {"local_rows", "model.moe.rows / group"},
              {"in_node_rows", "model.moe.rows * (mates - 1) / group"},
              {"inter_node_rows", "model.moe.rows * (1 - mates / group)"}};
    }
  };

  explicit GShard(const Config&) {}

  MoeResult forward(const MoeCall& call) const override {
    const Routing routing = call.router.route(
        {call.logits_TE, call.capacity, call.pad_T, call.compatibility, call.draws});
    const auto expert = [&call](int64_t index, const torch::Tensor& rows) {
      return call.expert(0, index, rows);
    };
    MoeResult out;
    out.y_TD = exchange_with_experts(call.x_TD, routing, *call.groups.world, call.experts_per_rank,
                                     call.traffic("global"), expert);
    out.balance = routing.balance;
    for (const auto& [name, value] : routing.metrics)
      out.metrics["global." + name] = value;
    return out;
  }
};

XP_REGISTER(Exchange, GShard, "gshard", "all-to-all over all ranks (GShard)");

}  // namespace
}  // namespace xp
